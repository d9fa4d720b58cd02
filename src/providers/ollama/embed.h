#pragma once
// Ollama's embeddings: POST {base}/api/embed.
// Doc: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings (checked 2026-11-27)
#include "provider/embedding.h"

namespace weir::providers::ollama {

class Embedding final : public provider::EmbeddingCodec {
 public:
  /// {"model":"…","input":["…"],"truncate":false,"dimensions":256}: a text that is too long is refused, not cut without a word.
  [[nodiscard]] Result<http::RequestPlan> encode_embed(
      const provider::EmbeddingRequest& request, const provider::SyncCall& call) const override;
  /// {"model":"…","embeddings":[[…]],"prompt_eval_count":8}; older servers leave the count out.
  [[nodiscard]] Result<provider::Embeddings> decode_embed(const provider::EmbeddingRequest& request,
                                                          const http::Response& response,
                                                          Time now) const override;
};

}  // namespace weir::providers::ollama
