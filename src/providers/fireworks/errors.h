#pragma once
// What the errors of Fireworks say and mean. Inference: {"error":{"message","type","code"}}. Control plane: {"code":5,"message","details"}
// with a gRPC code, and in a job or dataset {"code":"INVALID_ARGUMENT","message"}.
// Doc: https://docs.fireworks.ai/guides/inference-error-codes (reference of 2026-11-23; live captures of third parties, 2026-08-30)
#include <span>

#include "provider/openai_chat_dialect.h"

namespace weir::providers::fireworks {

std::span<const provider::openai_chat::ErrorRule> error_rules();

}  // namespace weir::providers::fireworks
