#pragma once
// The command line of `weir run`, as a job's folder keeps it: options with their values, paths absolute, no key in it. What an
// option means is known to the command line alone, so a new one needs nothing here.
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::bulk {

struct KeptOption {
  std::string name;                 // "--model"; "input" for the positional one
  std::vector<std::string> values;  // none: a flag
  friend bool operator==(const KeptOption&, const KeptOption&) = default;
};

struct KeptCommand {
  std::string folder;  // of the job; not written
  std::vector<KeptOption> options;
  /// {"v":1,"command":"run","options":[{"name":"--model","values":["anthropic/claude-sonnet-5"]},…]}
  [[nodiscard]] std::string to_json() const;
  /// @error kInvalidArgument not one of ours, or of a newer version.
  static Result<KeptCommand> from_json(std::string_view text);
};

/// Replaces what the folder keeps. @error kUnavailable.
Result<void> keep_command(const KeptCommand& command);
/// @error kNotFound none is kept: the job was begun by an older Weir; kInvalidArgument.
Result<KeptCommand> kept_command(const std::string& folder);

/// Where the folder keeps it: the job has begun where it is there.
std::string kept_command_path(const std::string& folder);
/// The prompt and the schema as they were when the job began: what is edited later does not stop it.
std::string kept_prompt_path(const std::string& folder);
std::string kept_schema_path(const std::string& folder);
/// The user's own prices: they hold as long as the job lives, for its ledger and its receipt.
std::string kept_prices_path(const std::string& folder);

}  // namespace weir::bulk
