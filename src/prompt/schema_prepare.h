#pragma once
// Internal to prompt/: reads a JSON Schema before the validator library does: checks the shape of
// every keyword with its place, refuses references that are not local or run in circles, and
// rewrites what the library would get wrong.
#include <boost/json/value.hpp>

#include <string>
#include <vector>

#include "base/result.h"

namespace weir::prompt::internal {

struct PreparedSchema {
  boost::json::value schema;  // for the validator library
  bool has_patterns = false;  // `pattern` stands in it somewhere
  bool has_pattern_properties = false;
  std::vector<std::string> warnings;  // what is not checked, with its place
};

/// @param keep_patterns false: leave `pattern` out (for answers with strings too long to match
/// safely).
/// @error kInvalidArgument with the JSON pointer of the place; kUnsupported a $ref that is not "#"
/// or "#/...".
Result<PreparedSchema> prepare_schema(const boost::json::value& schema, bool keep_patterns);

}  // namespace weir::prompt::internal
