#pragma once
// Bodies of /model/M/invoke for embeddings: Amazon Titan's and Cohere's.
// Docs (checked 2026-11-27): https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
#include <string>

#include "json/value.h"
#include "sim/embedding.h"
#include "sim/providers/bedrock/wire.h"

namespace weir::sim::bedrock {

struct EmbeddingAnswer {
  std::string body;
  std::int64_t tokens = 0;
};

/// By the model's maker. @error 400 ValidationException
Checked<EmbeddingAnswer> embed(const EmbeddingRow& row, json::Value body);

}  // namespace weir::sim::bedrock
