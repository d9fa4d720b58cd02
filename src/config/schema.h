#pragma once
// The table of keys as JSON Schema (draft 2020-12).
#include <string>

namespace weir::config {

/// The schema, indented, with a line break at the end. Same program, same bytes. It is stricter than load() in spelling: case of
/// names counts. Beyond the draft: `x-environment` is the variable that sets a value, `x-unit` its unit.
std::string schema_json();

}  // namespace weir::config
