// `weir job check`: reads every byte that a job rests on, says what is wrong and how to mend it. Changes nothing.
#include <fmt/format.h>

#include <algorithm>

#include "bulk/job.h"
#include "bulk/job_text.h"
#include "engine/result_reader.h"
#include "json/value.h"
#include "runtime/posix_files.h"
#include "runtime/sqlite_store.h"

namespace weir::bulk {
namespace {

using engine::ResultLog;

struct Finding {
  std::string what, mend;
};

struct Check {
  JobView view;
  std::vector<Finding> findings;
  std::uint64_t frames = 0, entries = 0;
  MoneySum answered;  // by the ledger: cost of the attempts that gave an item its end
  std::uint64_t answers = 0;
  bool results_whole = false;
  void wrong(std::string what, std::string mend) {
    findings.push_back({std::move(what), std::move(mend)});
  }
};

std::string begin_again(const Check& check) {
  return fmt::format("restore {} from a copy, or begin again with weir run --restart",
                     check.view.folder);
}

Result<void> check_store(Check& check) {
  const auto store = runtime::SqliteStore::open_read_only(check.view.folder + "/store.sqlite");
  if (!store) return std::unexpected(store.error());
  WEIR_TRY(const auto damage, (*store)->check());
  for (const auto& text : damage) check.wrong("store.sqlite: " + text, begin_again(check));
  const auto items = check.view.job->items;
  return (*store)->visit_ledger([&](const cost::LedgerEntry& entry) {
    ++check.entries;
    if (entry.item >= items && check.findings.size() < engine::ResultReader::kFindingsMax)
      check.wrong(fmt::format("the ledger entry ({}, {}) is of item {}, there are {}", entry.batch,
                              entry.sequence, entry.item, items),
                  begin_again(check));
    if (!entry.answered || entry.outcome != cost::LedgerEntry::Outcome::kBilled) return true;
    ++check.answers;
    check.answered += entry.cost;
    return true;
  });
}

Result<void> check_results(Check& check, engine::ResultReader& reader) {
  WEIR_TRY(const auto found, reader.check());
  check.frames = found.frames;
  for (const auto& text : found.wrong) check.wrong(text, begin_again(check));
  check.results_whole = found.wrong.empty();
  if (!check.results_whole) return {};
  // What the answers say they cost is what the ledger says they cost.
  MoneySum said;
  std::uint64_t answers = 0;
  json::Parser parser;
  WEIR_CHECK(reader.visit([&](const ResultLog::Record& record) -> Result<bool> {
    const auto line = parser.parse(record.line);
    const auto cost = line ? (*line)["cost_usd"].string() : std::nullopt;
    if (!cost || line->find("same_as")) return true;  // another item's answer costs once
    const auto money = parse_usd(*cost);
    if (money) said += *money;
    ++answers;
    return true;
  }));
  // A running owner goes on between the two looks.
  if (check.view.owner || (said == check.answered && answers == check.answers)) return {};
  check.wrong(fmt::format("the ledger has {} answers for {}, the results {} for {}", check.answers,
                          to_usd(check.answered), answers, to_usd(said)),
              begin_again(check));
  return {};
}

// Line by line against the segment, as far as the job says that the file is.
Result<void> check_output(Check& check, engine::ResultReader& reader) {
  const auto& job = *check.view.job;
  const auto& path = check.view.output;
  const auto mend = fmt::format("weir job results {} > {} writes it again", path, path);
  if (job.rebuilding || job.output.items == 0) return {};
  runtime::ReadOnlyFiles files;
  const auto file = files.open(path);
  if (!file) {
    check.wrong(file.error().text(), mend);
    return {};
  }
  std::uint64_t at = 0;
  std::string bytes;
  for (std::uint64_t item = 0; item < job.output.items; ++item) {
    WEIR_TRY(const auto record, reader.record(item));
    if (!record) {
      check.wrong(fmt::format("item {} stands in {} and has no record", item, path),
                  begin_again(check));
      return {};
    }
    const auto line = record->line + '\n';
    bytes.assign(line.size(), '\0');
    WEIR_TRY(const auto got, (*file)->read(at, bytes));
    if (got != line.size() || bytes != line) {
      check.wrong(fmt::format("{} differs from the results at line {}", path, item + 1), mend);
      return {};
    }
    at += line.size();
  }
  if (at != job.output.bytes)
    check.wrong(
        fmt::format("{} should have {} bytes, its lines have {}", path, job.output.bytes, at),
        begin_again(check));
  return {};
}

Result<void> check_images(Check& check) {
  runtime::ReadOnlyFiles files;
  for (const auto& batch : check.view.batches) {
    if (batch.phase != engine::BatchPhase::kRunning) continue;
    const auto path = fmt::format("{}/batch-{}.image", check.view.folder, batch.number);
    const auto file = files.open(path);
    if (!file) {
      check.wrong(file.error().text(), begin_again(check));
      continue;
    }
    WEIR_TRY(const auto size, (*file)->size());
    if (size != batch.image_bytes)
      check.wrong(fmt::format("{} has {} bytes, {} were written", path, size, batch.image_bytes),
                  begin_again(check));
  }
  return {};
}

Result<Check> check_job(const JobName& name) {
  Check check;
  WEIR_TRY(const auto folder, find_job(name));
  WEIR_TRY(check.view, view_job(folder));
  if (!check.view.job) return check;
  WEIR_CHECK(check_store(check));
  runtime::ReadOnlyFiles files;
  WEIR_TRY(const auto reader, engine::ResultReader::open(files, folder, check.view.job->items,
                                                         check.view.job->segment_bytes));
  WEIR_CHECK(check_results(check, *reader));
  if (check.results_whole) WEIR_CHECK(check_output(check, *reader));
  WEIR_CHECK(check_images(check));
  return check;
}

}  // namespace

ExitCode job_check(const JobName& name, bool json) {
  const auto check = check_job(name);
  if (!check) return refuse(check.error(), json);
  if (json) {
    json::Writer w;
    w.begin_object().field("folder", check->view.folder).field("ok", check->findings.empty());
    w.field("records", static_cast<std::int64_t>(check->frames));
    w.field("ledger_entries", static_cast<std::int64_t>(check->entries));
    w.key("findings").begin_array();
    for (const auto& finding : check->findings)
      w.begin_object().field("what", finding.what).field("mend", finding.mend).end_object();
    fmt::print("{}\n", w.end_array().end_object().take());
  } else if (check->findings.empty()) {
    fmt::print("{} is whole: {} items ended, {} records, {} ledger entries\n", check->view.folder,
               check->view.counts.ended(), check->frames, check->entries);
  } else {
    for (const auto& finding : check->findings)
      fmt::print("{}\n  mend: {}\n", finding.what, finding.mend);
  }
  return check->findings.empty() ? ExitCode::kDone : ExitCode::kFailure;
}

}  // namespace weir::bulk
