#pragma once
// What `weir run` takes from a configuration and its environment variables: what the command line leaves open is filled in as though
// it had been given, so that the job's folder keeps the values themselves, and an edit of the file does not reach a job that has begun.
// The key alone is never kept: it is read from the file each time.
#include <CLI/CLI.hpp>

#include "cli/run_options.h"

namespace weir::cli {

/// Fills in `run` and `flags`, and the command that the folder keeps. With neither --config, --workload nor a variable LLM_… nothing
/// changes. LLM_BATCHING_ENABLED=false and LLM_CACHING_ENABLED=false win over flags as well, for this start.
/// @return warnings, one line each.
/// @error kInvalidArgument, kNotFound: place and fix of what is wrong in the file, a variable, or --workload.
Result<std::vector<std::string>> take_from_config(CLI::App& run, RunFlags& flags);

/// The same for a command line that a job's folder kept: only the key, and the two variables that always win.
Result<std::vector<std::string>> take_again_from_config(CLI::App& run, RunFlags& flags);

}  // namespace weir::cli
