#pragma once
// Between the library's values and the core's. Pure.
#include <string>

#include "library/target.h"
#include "llm/types.h"
#include "prompt/answer_schema.h"
#include "weir/request.h"

namespace weir::library {

/// What the model is sent, defaults filled in. A hint's TTL is rounded up to one that the provider has.
/// @error kInvalidArgument it says nothing, or its schema is none; kUnsupported a part that this provider's format cannot say.
Result<llm::Request> to_llm(const Request& request, const Target& target);

/// The answer with its money. `text` and `json` are as the schema check left them.
/// @error kBadResponse the answer does not follow the request's schema.
Result<Response> to_response(llm::Response answer, const Request& request, const Target& target,
                             Route route, bool marked, Time now);

std::vector<ToolCall> from_llm(std::vector<llm::ToolCall> calls);
CacheOutcome cache_outcome(const Usage& usage, bool marked);
/// Whether the caller set any hint.
bool has_hints(const Request& request);

}  // namespace weir::library
