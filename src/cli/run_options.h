#pragma once
// The options of `weir run`: from a command line, and from the one that a job's folder keeps.
#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "bulk/run.h"

namespace weir::cli {

const provider::Adapter* find_adapter(std::string_view name);

/// What CLI11 reads into; the texts become values in read_values().
struct RunFlags {
  bulk::RunOptions options;
  std::string config_file, workload;
  std::string format = "auto", route = "auto", cache_strategy = "auto", deadline, batch_timeout,
              fallback_timeout, spend_max, timeout = "10m", batch_poll, cache_ttl;
  std::int64_t cache_tokens_min = 0;
  std::vector<std::string> set;
  std::map<std::string, std::string> settings;  // of a configuration
};
void add_run_options(CLI::App& run, RunFlags& flags);
/// Values that CLI11 cannot read by itself. @error kInvalidArgument names the option.
Result<void> read_values(RunFlags& flags);

/// What was given on this command line, with absolute paths; without what is of one start only (--restart, --json, …).
std::vector<bulk::KeptOption> given_options(const CLI::App& run);
/// The other way round. @error kInvalidArgument an option is not known, or its value is wrong: another version kept it.
Result<bulk::RunOptions> read_command(const bulk::KeptCommand& command);

}  // namespace weir::cli
