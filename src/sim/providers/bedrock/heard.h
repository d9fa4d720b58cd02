#pragma once
#include "json/value.h"
#include "sim/heard.h"

namespace weir::sim::bedrock {

/// Tells the listener what a checked Converse body says.
void hear_converse(json::Value body, Listener& listener);

}  // namespace weir::sim::bedrock
