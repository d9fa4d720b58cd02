#pragma once
// Cohere's embeddings, version 2: POST {base}/v2/embed. Docs (reference of 2026-11-23): https://docs.cohere.com/reference/embed
#include "provider/embedding.h"

namespace weir::providers::cohere {

class Embedding final : public provider::EmbeddingCodec {
 public:
  /// {"model":"…","input_type":"search_document","texts":["…"],"embedding_types":["float"],"truncate":"NONE","output_dimension":256}:
  /// a text that is too long is refused, where the default is to cut its end.
  [[nodiscard]] Result<http::RequestPlan> encode_embed(
      const provider::EmbeddingRequest& request, const provider::SyncCall& call) const override;
  /// {"embeddings":{"float":[[…]]},"meta":{"billed_units":{"input_tokens":8}}}
  [[nodiscard]] Result<provider::Embeddings> decode_embed(const provider::EmbeddingRequest& request,
                                                          const http::Response& response,
                                                          Time now) const override;
};

}  // namespace weir::providers::cohere
