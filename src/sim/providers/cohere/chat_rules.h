#pragma once
// A chat body of version 2, checked as far as the provider checks it. Rows of a dataset have another format than requests.
// Docs (reference of 2026-11-23): https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/errors,
// https://docs.cohere.com/docs/structured-outputs
#include <string_view>

#include "sim/openai_shape/chat_request.h"

namespace weir::sim::cohere {

/// The body of a request by the standard API.
openai_shape::Checked<openai_shape::ChatRequest> read_request(const PriceTable& prices,
                                                              json::Value body);

/// The body of a row of a batch-chat-v2-input dataset; the model is the batch's.
openai_shape::Checked<openai_shape::ChatRequest> read_row_body(const PriceTable& prices,
                                                               json::Value body,
                                                               std::string_view model);

/// What the validation of a dataset says of a row's body, whatever its model; an empty text: nothing.
std::string wrong_in_row(json::Value body);

}  // namespace weir::sim::cohere
