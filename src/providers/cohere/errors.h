#pragma once
// What the errors of Cohere say and mean: {"message":"…","id":"…"}, with no code; the status and the words tell.
// Docs (reference of 2026-11-23): https://docs.cohere.com/reference/errors, https://docs.cohere.com/docs/rate-limits
#include <string_view>

#include "http/message.h"
#include "json/value.h"
#include "provider/openai_chat_dialect.h"

namespace weir::providers::cohere {

/// Only its error rules are Cohere's: the chat format is another (wire.h).
const provider::openai_chat::Options& error_options();

/// Of an answer that is not 2xx. The request id is a header's, else the body's `id`.
[[nodiscard]] Error decode_error(const http::Response& response, Time now);

/// Of words alone: an error within a stream, a row or a batch.
[[nodiscard]] Error error_of_words(std::string_view words);

/// kBadResponse: the provider broke its contract.
[[nodiscard]] std::unexpected<Error> bad(std::string_view what);

}  // namespace weir::providers::cohere
