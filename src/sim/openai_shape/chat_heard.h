#pragma once
#include <string>

#include "json/value.h"
#include "sim/heard.h"

namespace weir::sim::openai_shape {

/// Tells the listener what a checked chat body says.
void hear_chat(json::Value body, Listener& listener);

/// The parts that others of a like shape have as well: `tools` of a body, `tool_calls` of a message.
void hear_tools(json::Value body, Listener& listener);
void hear_calls(json::Value message, const std::string& role, Listener& listener);

}  // namespace weir::sim::openai_shape
