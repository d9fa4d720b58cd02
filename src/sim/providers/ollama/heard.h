#pragma once
#include "json/value.h"
#include "sim/heard.h"

namespace weir::sim::ollama {

/// Tells the listener what a checked body of /api/chat says.
void hear_native(json::Value body, Listener& listener);

}  // namespace weir::sim::ollama
