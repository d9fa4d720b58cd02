// What changes a job: handed to its owner over the socket or, where there is none, done by becoming the owner.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "bulk/console.h"
#include "bulk/job.h"
#include "bulk/job_text.h"
#include "bulk/job_watch.h"
#include "runtime/control_socket.h"

namespace weir::bulk {
namespace {

using runtime::ControlRequest;
// An owner that begins or ends has no socket for a moment.
constexpr int kOwnerLooks = 50;
constexpr std::chrono::milliseconds kOwnerLook{100};

bool is_kept(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// True: the owner took the command. False: there is no owner.
Result<bool> hand_over(const std::string& folder, const ControlRequest& request) {
  for (int look = 0; look < kOwnerLooks; ++look) {
    const auto reply = runtime::ask_owner(folder, request);
    if (reply) return true;
    if (reply.error().kind != ErrorKind::kNotFound) return std::unexpected(reply.error());
    if (!runtime::store_owner(folder)) return false;
    std::this_thread::sleep_for(kOwnerLook);
  }
  const auto owner = runtime::store_owner(folder);
  if (!owner) return false;
  return fail(ErrorKind::kUnavailable,
              fmt::format("process {} owns {} and takes no commands", owner->pid, folder),
              fmt::format("kill -INT {} stops it; nothing is lost", owner->pid));
}

Result<RunOptions> options_of(const std::string& folder, const Owning& owning) {
  WEIR_TRY(const auto command, kept_command(folder));
  WEIR_TRY(auto options, owning.read_command(command));
  options.output = output_of(folder);
  if (is_kept(kept_prompt_path(folder))) options.prompt_path = kept_prompt_path(folder);
  if (is_kept(kept_schema_path(folder))) options.schema_path = kept_schema_path(folder);
  options.prices_path.clear();  // those that the folder keeps hold
  if (!owning.key_file.empty()) options.key_file = owning.key_file;
  if (owning.spend_max) options.spend_max = owning.spend_max;
  if (owning.concurrency) options.concurrency = *owning.concurrency;
  options.json = owning.json;
  options.quiet = owning.quiet;
  options.restart = options.dry_run = false;
  options.command.clear();
  return options;
}

ExitCode own(const std::string& folder, const Owning& owning, const OwnerTask& task) {
  const auto options = options_of(folder, owning);
  if (!options) return refuse(options.error(), owning.json);
  return run(*options, owning.find_adapter, task);
}

std::unexpected<Error> ended_already(const JobView& view) {
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("the job of {} has ended already: {}", view.output, view.status_text()),
              fmt::format("weir job retry {} tries again what has no answer", view.output));
}

// The job's folder when something of it is left to be done.
Result<std::string> find_unended(const JobName& name) {
  WEIR_TRY(auto folder, find_job(name));
  WEIR_TRY(const auto view, view_job(folder));
  if (view.job && view.job->phase == engine::JobPhase::kDone && !view.owner)
    return ended_already(view);
  return folder;
}

ExitCode await_cancelled(const std::string& folder, bool json) {
  const auto view = watch_to_end(folder, json);
  if (!view) return refuse(view.error(), json);
  if (!*view) return ExitCode::kInterrupted;
  return (*view)->status() == JobStatus::kCancelled ? ExitCode::kDone : code_of(**view);
}

}  // namespace

ExitCode job_cancel(const JobName& name, const Owning& owning) {
  const auto folder = find_unended(name);
  if (!folder) return refuse(folder.error(), owning.json);
  const auto handed = hand_over(*folder, {.command = ControlRequest::Command::kCancel});
  if (!handed) return refuse(handed.error(), owning.json);
  if (!*handed) return own(*folder, owning, {.kind = OwnerTask::Kind::kCancel});
  Console(owning.json, owning.quiet)
      .note("its process cancels it: batches are stopped, what they finished is taken");
  return await_cancelled(*folder, owning.json);
}

ExitCode job_resume(const JobName& name, const Owning& owning) {
  const auto folder = find_job(name);
  if (!folder) return refuse(folder.error(), owning.json);
  return own(*folder, owning, {});
}

ExitCode job_retry(const JobName& name, const std::vector<std::string>& ids, bool failed_only,
                   const Owning& owning) {
  const auto folder = find_job(name);
  if (!folder) return refuse(folder.error(), owning.json);
  if (const auto owner = runtime::store_owner(*folder))
    return refuse({.kind = ErrorKind::kInvalidArgument,
                   .message = fmt::format("the job of {} is running (pid {}): what failed is tried "
                                          "again when it has ended",
                                          output_of(*folder), owner->pid),
                   .hint = fmt::format("weir job watch {} waits for it", output_of(*folder))},
                  owning.json);
  return own(*folder, owning,
             {.kind = OwnerTask::Kind::kRetry, .ids = ids, .failed_only = failed_only});
}

ExitCode job_settle(const JobName& name, std::uint64_t batch,
                    const provider::Settlement& settlement, const Owning& owning) {
  const auto folder = find_job(name);
  if (!folder) return refuse(folder.error(), owning.json);
  const auto handed = hand_over(
      *folder,
      {.command = ControlRequest::Command::kSettle, .batch = batch, .settlement = settlement});
  if (!handed) return refuse(handed.error(), owning.json);
  if (!*handed)
    return own(*folder, owning,
               {.kind = OwnerTask::Kind::kSettle, .batch = batch, .settlement = settlement});
  Console(owning.json, owning.quiet)
      .note(fmt::format("batch {} is settled: its process goes on with it (weir job watch {})",
                        batch, output_of(*folder)));
  return ExitCode::kDone;
}

}  // namespace weir::bulk
