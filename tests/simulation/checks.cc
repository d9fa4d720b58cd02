#include "checks.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "json/value.h"
#include "report/receipt.h"

namespace weir::simulation {
namespace {

using cost::LedgerEntry;

struct Check {
  const Scenario& scenario;
  World& world;
  std::vector<std::string>& findings;
  engine::JobState job;
  std::map<std::uint64_t, engine::BatchState> batches;
  std::map<std::string, LedgerEntry> ledger;  // by attempt id
  cost::LedgerTotals totals;
  std::map<std::string, std::int64_t> answered;  // attempt id in the output -> its cost

  template <class... Args>
  void find(fmt::format_string<Args...> text, Args&&... args) {
    findings.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
};

Result<void> read_store(Check& c) {
  WEIR_TRY(auto store, runtime::SqliteStore::open_read_only(c.world.folder() + "/store.sqlite"));
  WEIR_TRY(const auto aggregates, store->load());
  for (const auto& aggregate : aggregates) {
    if (aggregate.kind == engine::AggregateKind::kJob) {
      WEIR_TRY(c.job, engine::JobState::decode(aggregate.state));
    } else {
      WEIR_TRY(auto batch, engine::BatchState::decode(aggregate.state));
      c.batches.emplace(batch.number, std::move(batch));
    }
  }
  WEIR_TRY(const auto rows, store->load_items());
  if (!rows.empty())
    c.find("{} item rows are left, the first of item {}", rows.size(), rows.front().item);
  return store->visit_ledger([&](const LedgerEntry& entry) {
    c.totals.add(entry);
    std::string id = entry.attempt.text();
    if (entry.batch != 0) {
      const auto batch = c.batches.find(entry.batch);
      if (batch == c.batches.end())
        c.find("a ledger entry names batch {}, which is not stored", entry.batch);
      else id = custom_id(batch->second.id, entry.sequence);
    }
    if (!c.ledger.emplace(id, entry).second) c.find("two ledger entries of attempt {}", id);
    return true;
  });
}

void check_line(Check& c, std::uint64_t item, json::Value line) {
  const auto id = line["id"].string_or("");
  if (id != fmt::format("doc-{}", item)) c.find("line {} of the output is {}", item + 1, id);
  const bool succeeded = line.find("answer").has_value();
  const bool failed = line.find("error").has_value();
  if (succeeded == failed) c.find("item {} has both or neither of answer and error", item);
  if (failed && !c.world.documents().rejected(item) && !c.scenario.answers_refused &&
      !line.find("answer_text") && c.scenario.crashes_max == 0 && c.scenario.not_sent == 0 &&
      c.scenario.faults_json.empty())
    c.find("item {} failed though nothing refused it: {}", item,
           line["error"]["message"].string_or(""));
  if (c.world.documents().rejected(item) && !failed)
    c.find("item {} was rejected and has an answer", item);
  const auto attempt = line["attempt_id"].string_or("");
  if (succeeded && attempt.empty()) c.find("item {} has an answer without an attempt", item);
  if (attempt.empty()) return;
  const auto cost = parse_usd(line["cost_usd"].string_or(""));
  if (!c.answered.emplace(attempt, cost ? cost->pico : -1).second)
    c.find("attempt {} answers two items", attempt);
}

void check_output(Check& c) {
  std::ifstream output(c.world.output_path(), std::ios::binary);
  std::string text;
  std::uint64_t item = 0;
  json::Parser parser;
  for (; std::getline(output, text); ++item) {
    const auto line = parser.parse(text);
    if (!line) c.find("line {} of the output is no JSON", item + 1);
    else check_line(c, item, *line);
  }
  if (item != c.scenario.items)
    c.find("the output has {} lines for {} items", item, c.scenario.items);
  const auto& p = c.world.progress();
  if (p.ended() != c.scenario.items) c.find("{} of {} items ended", p.ended(), c.scenario.items);
}

// design.md 4.4.
void check_bill(Check& c) {
  std::map<std::string, std::int64_t> bill;
  for (const auto& row : c.world.simulator().bill().rows()) {
    if (!bill.emplace(row.attempt_id, row.pico_usd).second)
      c.find("attempt {} was billed twice", row.attempt_id);
    const auto entry = c.ledger.find(row.attempt_id);
    if (entry == c.ledger.end()) {
      const bool vanished =
          c.scenario.rows_vanish && row.route == sim::Route::kBatch && !row.delivered;
      if (!vanished)
        c.find("attempt {} was billed and has no ledger entry (delivered {})", row.attempt_id,
               row.delivered);
      continue;
    }
    const auto& e = entry->second;
    if (e.outcome == LedgerEntry::Outcome::kBilled ? e.cost.pico != row.pico_usd
                                                   : e.cost.pico < row.pico_usd)
      c.find("attempt {} ({}): ledger {}, bill {}", row.attempt_id,
             e.outcome == LedgerEntry::Outcome::kBilled ? "billed" : "unknown", e.cost.pico,
             row.pico_usd);
  }
  for (const auto& [id, e] : c.ledger) {
    if (e.outcome == LedgerEntry::Outcome::kBilled && !bill.contains(id))
      c.find("attempt {} is booked and was not billed", id);
    if (e.outcome == LedgerEntry::Outcome::kUnknown && e.batch != 0 && !c.scenario.rows_vanish)
      c.find("batch attempt {} stays unknown", id);
    const auto answer = c.answered.find(id);
    if (e.answered != (answer != c.answered.end()))
      c.find("attempt {}: answered {} in the ledger, not so in the output", id, e.answered);
    if (answer != c.answered.end() && answer->second != e.cost.pico)
      c.find("attempt {}: another cost in the output", id);
  }
  for (const auto& [id, cost] : c.answered)
    if (!c.ledger.contains(id)) c.find("the output's attempt {} is not in the ledger", id);
}

void check_attempts(Check& c) {
  std::map<std::uint64_t, std::uint64_t> unknown;
  for (const auto& [id, e] : c.ledger)
    if (e.outcome == LedgerEntry::Outcome::kUnknown && ++unknown[e.item] > engine::kAttemptsMax)
      c.find("item {} has {} attempts of unknown outcome", e.item, unknown[e.item]);
}

// What the engine has heard survives any death that comes after.
void check_heard(Check& c) {
  for (const auto& attempt : c.world.heard())
    if (const auto entry = c.ledger.find(attempt);
        entry == c.ledger.end() || !entry->second.answered)
      c.find("the answer to attempt {} was heard and then lost", attempt);
}

void check_left_over(Check& c) {
  for (const auto& [number, batch] : c.batches)
    if (batch.phase == engine::BatchPhase::kRunning || batch.phase == engine::BatchPhase::kHeld)
      c.find("batch {} is {} in the store", number,
             batch.phase == engine::BatchPhase::kHeld ? "held" : "running");
  for (const auto& entry : std::filesystem::directory_iterator(c.world.folder()))
    if (entry.path().extension() == ".image")
      c.find("{} is left", entry.path().filename().string());
  const auto reply = c.world.simulator().handle({.target = "/_sim/state"}, c.world.now());
  json::Parser parser;
  const auto body = reply.text();
  const auto state = parser.parse(body);
  if (!state) return c.find("the simulator's state is no JSON");
  const auto provider = (*state)[c.scenario.provider];
  if (const auto running = provider["batches_running"].integer_or(-1); running != 0)
    c.find("{} batches run at the provider", running);
  if (const auto files = provider["files"].integer_or(-1); files != 0 && !c.scenario.files_may_stay)
    c.find("{} files are left at the provider", files);
}

void check_sums(Check& c) {
  const auto& p = c.world.progress();
  if (!(p.spent == c.totals.spent))
    c.find("the engine counts {} spent, the ledger {}", to_usd(p.spent), to_usd(c.totals.spent));
  if (!(p.exposure == c.totals.exposure))
    c.find("the engine counts {} exposed, the ledger {}", to_usd(p.exposure),
           to_usd(c.totals.exposure));
  if (p.reserved.pico != 0) c.find("{} are reserved at the end", to_usd(p.reserved));
  if (c.totals.answers != c.answered.size())
    c.find("{} answers in the ledger, {} in the output", c.totals.answers, c.answered.size());
  runtime::PosixFiles files;
  const auto counts = engine::count_ends(files, c.world.folder(), c.job.items, c.job.segment_bytes);
  if (!counts) return c.find("{}", counts.error().text());
  if (counts->succeeded != p.succeeded || counts->ended() != c.scenario.items)
    c.find("{} succeeded by the engine, {} by the slots", p.succeeded, counts->succeeded);
  const auto receipt =
      report::make_receipt({c.job, *counts, c.totals, c.world.provider(), c.world.model(), {}, {}});
  if (receipt.lower_bound > receipt.spent)
    c.find("lower bound {} above {} spent", to_usd(receipt.lower_bound), to_usd(receipt.spent));
  if (!receipt.finished) c.find("the receipt says it is not finished");
}

}  // namespace

std::vector<std::string> check(const Scenario& scenario, World& world) {
  std::vector<std::string> findings = world.complaints();
  Check c{scenario, world, findings, {}, {}, {}, {}, {}};
  if (auto read = read_store(c); !read) {
    c.find("the store cannot be read: {}", read.error().text());
    return findings;
  }
  check_output(c);
  check_bill(c);
  check_attempts(c);
  check_heard(c);
  check_left_over(c);
  check_sums(c);
  return findings;
}

}  // namespace weir::simulation
