#pragma once
// Embeddings of Bedrock: POST /model/{model}/invoke with a body of the model's maker: Amazon Titan and Cohere.
// Docs (checked 2026-11-27): https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
#include "provider/embedding.h"

namespace weir::providers::bedrock {

class Embedding final : public provider::EmbeddingCodec {
 public:
  /// Titan: {"inputText":"…","dimensions":256}, one text a request. Cohere:
  /// {"input_type":"search_document","texts":["…"],"embedding_types":["float"],"truncate":"NONE","output_dimension":256}.
  /// @error kUnsupported a model of another maker, several texts for Titan, dimensions for models that have but one length.
  [[nodiscard]] Result<http::RequestPlan> encode_embed(
      const provider::EmbeddingRequest& request, const provider::SyncCall& call) const override;
  /// Titan: {"embedding":[…],"inputTextTokenCount":8}. Cohere: {"embeddings":{"float":[[…]]}}, its usage in the header
  /// x-amzn-bedrock-input-token-count, which no document promises.
  [[nodiscard]] Result<provider::Embeddings> decode_embed(const provider::EmbeddingRequest& request,
                                                          const http::Response& response,
                                                          Time now) const override;
};

}  // namespace weir::providers::bedrock
