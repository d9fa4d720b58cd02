#pragma once
// batchEmbedContents and embedContent of the Gemini Developer API.
// Doc: https://ai.google.dev/api/embeddings (checked 2026-11-27)
#include <string>
#include <string_view>

#include "json/value.h"
#include "sim/embedding.h"
#include "sim/gemini_shape/wire.h"

namespace weir::sim::gemini {

inline constexpr std::size_t kEmbeddingsMax =
    100;  // of one request; not documented, others met with it

/// Answers of a model's embeddings. Without tokens: only later models' answers tell them.
struct EmbeddingAnswer {
  std::string body;
  std::int64_t tokens = 0;
};

/// @param batch {"requests":[…]}, else one of those. @error 400
gemini_shape::Checked<EmbeddingAnswer> embed(const EmbeddingRow& row, json::Value body, bool batch);

}  // namespace weir::sim::gemini
