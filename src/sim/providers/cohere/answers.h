#pragma once
// What the provider says: answers, streams, usage, errors. The tokens of its own preamble are counted, and not billed.
// Docs (reference of 2026-11-23): https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/chat-stream
#include <string>
#include <string_view>
#include <vector>

#include "sim/openai_shape/chat.h"

namespace weir::sim::cohere {

/// Of the preamble that the provider puts ahead of every prompt. How long it is, nobody says.
inline constexpr std::int64_t kPreambleTokens = 78;

/// COMPLETE, MAX_TOKENS, TOOL_CALL.
std::string_view finish_reason(const openai_shape::ChatAnswer& answer);
/// "read_page_1x2y3z4v5w6a"
std::string call_id(const openai_shape::ChatAnswer& answer);
inline constexpr std::string_view kPlan = "I will use a tool for this.";

std::string answer_body(const openai_shape::ChatAnswer& answer);
/// Events, each with its name; there is no [DONE].
std::vector<Piece> answer_stream(const openai_shape::ChatAnswer& answer);

/// {"id":"…","message":"…"}
Reply error_reply(int status, std::string_view message, std::string_view id);
/// The usual text of a status.
std::string_view usual_words(int status);

}  // namespace weir::sim::cohere
