#pragma once
// Text embeddings of Vertex AI: models.predict.
// Doc: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api (checked 2026-11-27)
#include <string>

#include "json/value.h"
#include "sim/embedding.h"
#include "sim/gemini_shape/wire.h"

namespace weir::sim::vertexAI {

struct EmbeddingAnswer {
  std::string body;
  std::int64_t tokens = 0;
};

/// {"instances":[{"content":"…","task_type":"RETRIEVAL_QUERY"}],"parameters":{"autoTruncate":true,"outputDimensionality":768}}; of
/// gemini-embedding-001 one instance. @error 400
gemini_shape::Checked<EmbeddingAnswer> predict(const EmbeddingRow& row, json::Value body);

}  // namespace weir::sim::vertexAI
