#pragma once
// Embeddings of Vertex AI: POST …/publishers/google/models/{model}:predict.
// Doc: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api (checked 2026-11-27)
#include "provider/embedding.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::vertexAI {

class Embedding final : public provider::EmbeddingCodec {
 public:
  explicit Embedding(const provider::gemini::Options& options) : options_(options) {}

  /// {"instances":[{"content":"…","task_type":"RETRIEVAL_DOCUMENT"}],"parameters":{"autoTruncate":false,"outputDimensionality":768}}:
  /// a text that is too long is refused, not cut without a word.
  [[nodiscard]] Result<http::RequestPlan> encode_embed(
      const provider::EmbeddingRequest& request, const provider::SyncCall& call) const override;
  /// {"predictions":[{"embeddings":{"values":[…],"statistics":{"token_count":8,"truncated":false}}}]}
  [[nodiscard]] Result<provider::Embeddings> decode_embed(const provider::EmbeddingRequest& request,
                                                          const http::Response& response,
                                                          Time now) const override;

 private:
  provider::gemini::Options options_;
};

}  // namespace weir::providers::vertexAI
