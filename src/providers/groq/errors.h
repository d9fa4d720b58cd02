#pragma once
// What Groq's error codes mean to us. A constant table, read by the dialects.
#include <span>

#include "provider/openai_chat_dialect.h"

namespace weir::providers::groq {

/// Rules in order; the first one that fits decides. What no rule names is decided by the status
/// (provider/http_error.h).
std::span<const provider::openai_chat::ErrorRule> error_rules();

}  // namespace weir::providers::groq
