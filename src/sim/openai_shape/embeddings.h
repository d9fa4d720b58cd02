#pragma once
// POST /v1/embeddings of the OpenAI shape.
// Doc: https://developers.openai.com/api/reference/resources/embeddings (checked 2026-11-27)
#include <string>
#include <vector>

#include "json/value.h"
#include "sim/embedding.h"
#include "sim/openai_shape/wire.h"
#include "sim/provider.h"

namespace weir::sim::openai_shape {

/// What a body asks for.
struct EmbeddingAsked {
  const EmbeddingRow* row = nullptr;
  std::vector<std::string> texts;  // of inputs that are tokens, their JSON
  std::int64_t tokens = 0;
  std::size_t size = 0;  // of each vector
  bool base64 = false;
};

/// @error 400, or 404 of an unknown model.
Checked<EmbeddingAsked> read_embedding(const Traits& traits, const EmbeddingTable& table,
                                       json::Value body);
/// The list object. @param id may be empty: then it has none
std::string embedding_body(const EmbeddingAsked& asked, std::string_view id);

}  // namespace weir::sim::openai_shape
