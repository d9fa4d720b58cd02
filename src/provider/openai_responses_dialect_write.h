#pragma once
// The parts of a body that come from provider-neutral values, for encode_body() alone. What is written has passed
// check_request(); keys stand in one fixed order, and no line end is written between tokens. Pure, thread-safe. Docs (checked
// 2026-11-27): https://developers.openai.com/api/docs/guides/function-calling?api-mode=responses
// https://developers.openai.com/api/docs/guides/structured-outputs?api-mode=responses
#include "base/result.h"
#include "json/write.h"
#include "llm/types.h"
#include "provider/openai_responses_dialect.h"

namespace weir::provider::openai_responses {

/// @error kInvalidArgument, kUnsupported as encode_body says of requests that are no raw bodies.
Result<void> check_request(const Options& options, const llm::Request& request);

/// `"tools":[…],"tool_choice":…`; nothing where there are none.
void write_tools(json::Writer& out, const llm::Request& request);

/// `"instructions":"…","input":[…]`; the instructions as an item where breakpoints are planned, or the caller has one there.
void write_input(json::Writer& out, const llm::Request& request);

/// `"text":{"format":{…}}`; nothing where any answer will do.
void write_format(json::Writer& out, const Options& options, const llm::Request& request);

}  // namespace weir::provider::openai_responses
