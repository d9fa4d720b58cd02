#pragma once
#include "json/value.h"
#include "sim/heard.h"

namespace weir::sim::anthropic {

/// Tells the listener what a checked Messages body says.
void hear_message_body(json::Value body, Listener& listener);

}  // namespace weir::sim::anthropic
