#pragma once
// The parts of a chat body that come from provider-neutral values, for encode_body() alone. What is written has passed
// check_request(); keys stand in one fixed order, and no line end is written between tokens. Pure, thread-safe. Docs (checked
// 2026-11-27): https://developers.openai.com/api/docs/guides/function-calling
// https://developers.openai.com/api/docs/guides/images-vision
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/write.h"
#include "llm/types.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_chat {

/// JSON on one line: a line end between tokens would cut a JSONL line in two; inside of strings JSON has none.
std::string one_line(std::string_view json);

/// @error kInvalidArgument, kUnsupported as encode_body says of requests that are no raw bodies.
Result<void> check_request(const Options& options, const llm::Request& request);

/// `"tools":[…],"tool_choice":…`; nothing where there are none.
void write_tools(json::Writer& out, const llm::Request& request);

/// `"messages":[…]`, the system prompt first. Each tool result is a message of its own, ahead of what else its message holds.
void write_messages(json::Writer& out, const Options& options, const llm::Request& request);

}  // namespace weir::provider::openai_chat
