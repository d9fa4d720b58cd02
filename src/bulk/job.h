#pragma once
// `weir job`: jobs as objects. Those that look need neither the lock nor a key and work beside a running owner; those that change
// something hand it to the owner over its socket or, where there is none, become the owner.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bulk/job_find.h"
#include "bulk/kept_command.h"
#include "bulk/run.h"

namespace weir::bulk {

// --- Looking. Exit codes: kDone; kUsage no such job; kFailure it cannot be read; check: kFailure where something is wrong.

ExitCode job_list(const std::vector<std::string>& dirs, bool json);
ExitCode job_show(const JobName& name, bool json);
/// Until the job has no owner any more. @return as `weir run` would have ended: kDone, kItemsFailed, kStopped; kInterrupted.
ExitCode job_watch(const JobName& name, bool json);

struct ResultsWish {
  bool failed = false, succeeded = false;  // only these; neither: all
};
ExitCode job_results(const JobName& name, const ResultsWish& wish);
struct ExportWish {
  std::string format = "jsonl";  // or "csv"
  std::string output;            // empty: standard output
  ResultsWish results;
};
ExitCode job_export(const JobName& name, const ExportWish& wish);
ExitCode job_check(const JobName& name, bool json);

// --- Changing.

/// From the command line that a job's folder keeps to the options of its run. Only the program's main can read a command line.
using ReadCommand = std::function<Result<RunOptions>(const KeptCommand& command)>;

struct Owning {
  FindAdapter find_adapter;
  ReadCommand read_command;
  // Instead of what was kept, for this process:
  std::string key_file;
  std::optional<Money> spend_max;
  std::optional<std::uint64_t> concurrency;
  bool json = false, quiet = false;
};
ExitCode job_cancel(const JobName& name, const Owning& owning);
ExitCode job_resume(const JobName& name, const Owning& owning);
/// The failed (and cancelled) items; with ids only these. @param failed_only not the cancelled ones.
ExitCode job_retry(const JobName& name, const std::vector<std::string>& ids, bool failed_only,
                   const Owning& owning);
ExitCode job_settle(const JobName& name, std::uint64_t batch,
                    const provider::Settlement& settlement, const Owning& owning);

ExitCode job_delete(const JobName& name, bool force);
ExitCode job_prune(const std::string& dir, Duration older_than, bool dry_run);

}  // namespace weir::bulk
