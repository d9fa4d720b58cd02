#pragma once
// Embeddings of the Gemini Developer API: POST {base}/v1beta/models/{model}:batchEmbedContents.
// Doc: https://ai.google.dev/api/embeddings (checked 2026-11-27)
#include "provider/embedding.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::gemini {

class Embedding final : public provider::EmbeddingCodec {
 public:
  explicit Embedding(const provider::gemini::Options& options) : options_(options) {}

  /// {"requests":[{"model":"models/…","content":{"parts":[{"text":"…"}]},"taskType":"RETRIEVAL_DOCUMENT","outputDimensionality":768}]}.
  /// gemini-embedding-001 alone takes a taskType: later models want the purpose in the text, which is the caller's.
  [[nodiscard]] Result<http::RequestPlan> encode_embed(
      const provider::EmbeddingRequest& request, const provider::SyncCall& call) const override;
  /// {"embeddings":[{"values":[…]}],"usageMetadata":{"promptTokenCount":8}}; not every model's answer has a usage.
  [[nodiscard]] Result<provider::Embeddings> decode_embed(const provider::EmbeddingRequest& request,
                                                          const http::Response& response,
                                                          Time now) const override;

 private:
  provider::gemini::Options options_;
};

}  // namespace weir::providers::gemini
