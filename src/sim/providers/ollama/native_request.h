#pragma once
// A body of POST /api/chat, checked as far as Ollama checks it, and said in the words of a chat completion, so that the common
// machinery can answer it. Doc: https://github.com/ollama/ollama/blob/main/docs/api.md (checked 2026-11-23).
#include <string>

#include "json/value.h"
#include "sim/openai_shape/wire.h"

namespace weir::sim::ollama {

struct NativeRequest {
  std::string model;     // as it was named
  std::string chat;      // the completions body
  bool stream = true;    // the default
  bool truncate = true;  // a prompt that does not fit is shortened without a word
};

/// @error 400 a wrong type; 404 a model that was not pulled.
openai_shape::Checked<NativeRequest> read_native(const PriceTable& pulled, json::Value body);

/// The completions body with less in it: the oldest turn behind the system prompt is left out, or, of the last one, the first
/// half of its text. Nothing when nothing is left to drop.
std::optional<std::string> shorter(json::Value chat);

}  // namespace weir::sim::ollama
