#pragma once
// What every adapter asks of a provider-neutral request before it writes it: that its parts can be said at all. It does not
// judge what the provider judges (names, sizes, whether a result belongs to a call). Pure, thread-safe.
#include "base/result.h"
#include "llm/types.h"

namespace weir::llm {

/// @error kInvalidArgument a tool's parameters or a call's arguments are no JSON object; a block is several things at once;
/// an image has neither data with a media type nor a URL, or both; the system prompt holds anything but texts; a tool call
/// outside of the assistant's messages; an image or a tool result outside of the user's; a tool result behind another part
/// of its message (the providers want the results first: order is not ours to change). Messages and tools are numbered from
/// 1. Of a ready-made body nothing is looked at.
Result<void> check_parts(const Request& request);

}  // namespace weir::llm
