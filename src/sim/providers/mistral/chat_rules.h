#pragma once
// Where Mistral's chat completions and errors differ from OpenAI's.
// Doc: https://docs.mistral.ai/api/ (reference of 2026-11-23; members by the types of its Python client, 2026-08)
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"
#include "sim/openai_shape/wire.h"

namespace weir::sim::mistral {

/// 422 of what the schema forbids, 400 of what the tokenizer does.
std::optional<openai_shape::ApiError> check_body(json::Value body);
/// {"object":"error",…,"raw_status_code"}, or {"detail":…} for 401 and 422.
std::string error_body(const openai_shape::ApiError& error);
openai_shape::ApiError usual_error(int status, std::string_view message);
std::string usage(const TokenBuckets& tokens);

}  // namespace weir::sim::mistral
