#pragma once
// The Responses API over the same model, cache and bill as chat completions: its body is checked as far as the provider checks
// it and said in the words of a completion; the answer is said in its own. It keeps no responses: what refers to an earlier one
// is refused. Docs: https://developers.openai.com/api/reference/resources/responses,
// https://developers.openai.com/api/docs/guides/streaming-responses and the types of openai 7.57.0 (checked 2026-11-27).
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "sim/openai_shape/chat.h"
#include "sim/openai_shape/chat_request.h"

namespace weir::sim::openai_shape {

/// As batches name it, whatever the path is.
inline constexpr std::string_view kResponsesEndpoint = "/v1/responses";

/// The request, with a body of its own and what the answer repeats of the caller's (ChatRequest::echo).
Checked<ChatRequest> read_responses(const Traits& traits, const PriceTable& prices,
                                    json::Value body);

/// The response object, of an answer with an echo.
std::string response_body(const Traits& traits, const ChatAnswer& answer);
/// The stream of semantic events, ended by response.completed or response.incomplete.
std::vector<Piece> response_stream(const Traits& traits, const ChatAnswer& answer);

}  // namespace weir::sim::openai_shape
