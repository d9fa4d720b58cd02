// `weir job delete` and `weir job prune`: a store goes, its output stays.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "bulk/console.h"
#include "bulk/job.h"
#include "bulk/job_text.h"
#include "runtime/clock.h"
#include "runtime/store_lock.h"

namespace weir::bulk {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kDeleted = ".weir.deleted-";

// Whether every result stands in the output file: only then is the store no more than a memory.
bool output_is_whole(const JobView& view) {
  std::error_code code;
  const auto size = fs::file_size(view.output, code);
  return !code && view.job && !view.job->rebuilding && view.job->output.items == view.job->items &&
         size == view.job->output.bytes;
}

bool has_ended(const JobView& view) {
  return view.status() == JobStatus::kDone || view.status() == JobStatus::kCancelled;
}

// A folder that is half deleted must not look like a job: it gets another name first.
Result<void> remove_store(const std::string& folder) {
  WEIR_TRY(const auto lock, runtime::StoreLock::acquire(folder, runtime::SystemClock().now()));
  const auto doomed = fmt::format("{}{}{}", output_of(folder), kDeleted, ::getpid());
  std::error_code code;
  fs::rename(folder, doomed, code);
  if (!code) fs::remove_all(doomed, code);
  if (code)
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot delete {}: {}", folder, code.message()),
                "check who may write there");
  return {};
}

Result<void> check_deletable(const JobView& view) {
  const auto hint =
      "--force deletes it all the same: what it knows is lost, what it spent is spent";
  if (!view.job) return {};
  if (!has_ended(view)) {
    const auto running =
        view.batches_in(engine::BatchPhase::kRunning) + view.batches_in(engine::BatchPhase::kHeld);
    return fail(
        ErrorKind::kInvalidArgument,
        fmt::format("the job of {} has not ended ({}, {} items done{})", view.output,
                    view.status_text(), done_of_total(view),
                    running > 0 ? fmt::format(", {} batches at the provider", running) : ""),
        fmt::format("cancel it first, or {}", hint));
  }
  if (!output_is_whole(view))
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} does not hold every result of its job", view.output),
                fmt::format("weir job results {} > FILE saves them; {}", view.output, hint));
  return {};
}

Result<void> delete_job(const JobName& name, bool force) {
  WEIR_TRY(const auto folder, find_job(name));
  auto view = view_job(folder);
  if (!view && !force) return std::unexpected(std::move(view).error());
  if (const auto owner = runtime::store_owner(folder))
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the job of {} is running (pid {})", output_of(folder), owner->pid),
                "wait for it, or cancel it");
  if (!force) WEIR_CHECK(check_deletable(*view));
  return remove_store(folder);
}

// Real time since the job was last written: a simulated job has a clock of its own.
Duration idle_time(const std::string& folder) {
  std::error_code code;
  auto written = fs::last_write_time(folder + "/store.sqlite", code);
  if (code) return {};
  const auto log = fs::last_write_time(folder + "/store.sqlite-wal", code);
  if (!code) written = std::max(written, log);
  return std::chrono::duration_cast<Duration>(fs::file_time_type::clock::now() - written);
}

// What a deletion left that was killed in its middle.
void sweep(const std::string& dir) {
  std::error_code code;
  for (fs::directory_iterator entries(dir, code); !code && entries != fs::directory_iterator();
       entries.increment(code)) {
    std::error_code ignored;
    if (entries->path().filename().string().find(kDeleted) != std::string::npos)
      fs::remove_all(entries->path(), ignored);
  }
}

}  // namespace

ExitCode job_delete(const JobName& name, bool force) {
  if (const auto done = delete_job(name, force); !done) return refuse(done.error(), false);
  return ExitCode::kDone;
}

ExitCode job_prune(const std::string& dir, Duration older_than, bool dry_run) {
  const auto stores = stores_in(dir);
  if (!stores) return refuse(stores.error(), false);
  Console console(false, false);
  auto code = ExitCode::kDone;
  std::uint64_t count = 0;
  for (const auto& folder : *stores) {
    const auto view = view_job(folder);
    if (!view) {
      console.error(view.error());
      code = ExitCode::kFailure;
      continue;
    }
    if (!has_ended(*view) || idle_time(folder) < older_than) continue;
    if (!output_is_whole(*view)) {
      console.note(fmt::format("{} stays: its output does not hold every result", folder));
      continue;
    }
    if (!dry_run) {
      if (const auto removed = remove_store(folder); !removed) {
        console.error(removed.error());
        code = ExitCode::kFailure;
        continue;
      }
    }
    ++count;
    fmt::print("{} {}\n", dry_run ? "would delete" : "deleted", folder);
  }
  if (!dry_run) sweep(dir);
  if (count == 0) console.note("no job to delete");
  return code;
}

}  // namespace weir::bulk
