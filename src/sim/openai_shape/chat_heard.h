#pragma once
#include "json/value.h"
#include "sim/heard.h"

namespace weir::sim::openai_shape {

/// Tells the listener what a checked chat body says.
void hear_chat(json::Value body, Listener& listener);

}  // namespace weir::sim::openai_shape
