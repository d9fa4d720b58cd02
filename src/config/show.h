#pragma once
// What holds, and where each value came from. Secrets are masked here: what leaves this file may be printed.
#include <string>
#include <vector>

#include "config/config.h"
#include "config/value.h"

namespace weir::config {

struct Shown {
  std::string key;  // path, "optimization.logLevel"
  Kind kind = Kind::kText;
  std::optional<std::string> value;  // nothing: unset
  Origin origin;
};
/// Every value, in the order of the table.
std::vector<Shown> effective_values(const Config& config);
/// One line a value: key, value, origin.
std::string show_text(const Config& config);
/// {"values":[{"key","value","origin","place"?}],"warnings":[…]}, with a line break at the end. An unset value is null.
std::string show_json(const Config& config);

}  // namespace weir::config
