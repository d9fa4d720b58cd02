#pragma once
// What the errors of servers that speak OpenAI's chat format mean. Servers agree on statuses, hardly on codes.
#include <span>

#include "provider/openai_chat_dialect.h"

namespace weir::providers::openAICompatible {

std::span<const provider::openai_chat::ErrorRule> error_rules();

/// Servers without codes: a prompt that is too long for the model.
const provider::openai_chat::ErrorRule* rule_by_words(int status, std::string_view words);

}  // namespace weir::providers::openAICompatible
