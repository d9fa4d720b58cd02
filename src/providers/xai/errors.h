#pragma once
// What xAI's errors mean.
#include <span>

#include "provider/openai_chat_dialect.h"

namespace weir::providers::xai {

std::span<const provider::openai_chat::ErrorRule> error_rules();

/// {"code":"Client specified an invalid argument","error":"Incorrect API key provided: …"} is a 400: the words alone tell.
const provider::openai_chat::ErrorRule* rule_by_words(int status, std::string_view words);

}  // namespace weir::providers::xai
