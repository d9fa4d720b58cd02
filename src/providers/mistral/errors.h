#pragma once
// What Mistral's errors say and mean. Two shapes: {"object":"error","message","type","param","code"} and {"detail": text or a list}.
// Doc: https://docs.mistral.ai/api/ (reference of 2026-11-23; codes by live captures of third parties up to 2026-09-02)
#include <span>

#include "provider/openai_chat_dialect.h"

namespace weir::providers::mistral {

std::span<const provider::openai_chat::ErrorRule> error_rules();

}  // namespace weir::providers::mistral
