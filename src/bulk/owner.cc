#include "bulk/owner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <set>

#include "bulk/progress.h"
#include "bulk/retry_choice.h"
#include "json/value.h"
#include "json/write.h"
#include "runtime/posix_files.h"

namespace weir::bulk {
namespace {

using engine::ItemEnd;
using engine::ResultLog;

std::string id_of(const ResultLog::Record& record) {
  json::Parser parser;
  const auto line = parser.parse(record.line);
  return line ? (*line)["id"].string_or("") : std::string();
}

// Which of the ids cannot be tried again, and why; they are looked for before anything is opened.
Result<void> check_ids(const OwnerTask& task, engine::JobEngine& engine,
                       const AcceptedInput& input) {
  std::set<std::string> left(task.ids.begin(), task.ids.end());
  std::optional<Error> rejected;
  WEIR_CHECK(engine.retry(
      [&](const ResultLog::Record& record) -> Result<bool> {
        const auto id = id_of(record);
        if (left.erase(id) == 0) return false;
        WEIR_TRY(const auto row, input.index().row(record.item));
        if (row.rejected())
          rejected = {.kind = ErrorKind::kInvalidArgument,
                      .message = fmt::format("item '{}' was no good at accept", id),
                      .hint = "mend the input and run it as another job"};
        return false;
      },
      {}));
  if (rejected) return std::unexpected(std::move(*rejected));
  if (left.empty()) return {};
  return fail(
      ErrorKind::kNotFound,
      fmt::format("no item '{}' of this job failed: nothing was tried again", *left.begin()),
      "weir job results --failed lists those that did");
}

}  // namespace

Result<std::string> answer_command(const runtime::ControlRequest& request,
                                   engine::JobEngine& engine, Time now) {
  using Command = runtime::ControlRequest::Command;
  if (request.command == Command::kCancel) {
    if (engine.job().phase == engine::JobPhase::kDone)
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("job {} has ended already", engine.job().id.text()));
    WEIR_CHECK(engine.cancel());
  }
  if (request.command == Command::kSettle)
    WEIR_CHECK(engine.settle(request.batch, request.settlement, now));
  json::Writer w;
  w.begin_object().field("pid", static_cast<std::int64_t>(::getpid()));
  w.field("id", engine.job().id.text()).field("cancel_wanted", engine.job().cancel_wanted);
  w.key("progress").raw(progress_event(engine.progress()));
  return w.end_object().take();
}

Result<std::uint64_t> retry_items(const OwnerTask& task, engine::JobEngine& engine,
                                  const AcceptedInput& input, Console& console, Time now) {
  if (!task.ids.empty()) WEIR_CHECK(check_ids(task, engine, input));
  const std::set<std::string> ids(task.ids.begin(), task.ids.end());
  std::uint64_t no_good = 0;
  const auto wanted = [&](const ResultLog::Record& record) -> Result<bool> {
    if (task.failed_only && record.end == ItemEnd::kCancelled) return false;
    if (!ids.empty() && !ids.contains(id_of(record))) return false;
    WEIR_TRY(const auto row, input.index().row(record.item));
    if (row.rejected()) ++no_good;
    return !row.rejected();
  };
  RetryChoice choice(kRetriedMax);
  WEIR_CHECK(engine.retry(
      [&](const ResultLog::Record& record) -> Result<bool> {
        WEIR_TRY(const bool yes, wanted(record));
        if (yes) choice.count(record);
        return false;  // nothing is opened before all are known
      },
      now));
  no_good = 0;  // the second pass counts them again
  WEIR_TRY(const auto count, engine.retry(
                                 [&](const ResultLog::Record& record) -> Result<bool> {
                                   WEIR_TRY(const bool yes, wanted(record));
                                   return yes && choice.take(record);
                                 },
                                 now));
  if (no_good > 0)
    console.note(fmt::format("{} records were no good at accept: they stay as they are", no_good));
  console.note(count == 0 ? std::string("there is nothing to try again")
                          : fmt::format("{} items are tried again", count));
  if (choice.left() > 0)
    console.note(fmt::format(
        "{} more are left for the next round: give the same command again then", choice.left()));
  return count;
}

Result<void> keep_for_later(const KeptCommand& command, const RunSetup& setup, bool fresh) {
  if (fresh && setup.prompt)
    WEIR_CHECK(runtime::write_whole_file(kept_prompt_path(command.folder), setup.prompt_text));
  if (fresh && setup.schema)
    WEIR_CHECK(runtime::write_whole_file(kept_schema_path(command.folder), setup.schema->text()));
  if (fresh && !setup.prices_text.empty())
    WEIR_CHECK(runtime::write_whole_file(kept_prices_path(command.folder), setup.prices_text));
  return keep_command(command);
}

std::string cancelled_note(const engine::Progress& progress) {
  auto note =
      fmt::format("the job was cancelled: {} of {} items have their answer, {} ended cancelled",
                  progress.succeeded, progress.items, progress.cancelled);
  if (progress.batches_held > 0)
    note +=
        fmt::format("; {} batches are held, what they cost is not in the ledger yet: settle them",
                    progress.batches_held);
  return note;
}

}  // namespace weir::bulk
