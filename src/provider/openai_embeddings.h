#pragma once
// Embeddings in OpenAI's wire format, which several providers share: POST {base}/embeddings. What differs is Options.
// Doc: https://developers.openai.com/api/reference/resources/embeddings (checked 2026-11-27)
#include <string_view>

#include "provider/embedding.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_embeddings {

/// A constant of the adapter: the views are of literals.
struct Options {
  std::string_view path = "/embeddings";           // below the base path
  std::string_view dimensions_key = "dimensions";  // empty: the provider cannot be told
  /// "encoding_format":"base64", a quarter of the bytes of numbers in text. False: not documented, so numbers are asked for by silence.
  bool base64 = true;
  bool usage = true;  // answers always have one
};

class Codec : public EmbeddingCodec {
 public:
  /// @param chat of the provider: its name, headers and errors
  Codec(const openai_chat::Options& chat, const Options& options)
      : chat_(chat), options_(options) {}

  /// {"model":"…","input":["…"],"encoding_format":"base64","dimensions":256}. @error as EmbeddingCodec.
  [[nodiscard]] Result<http::RequestPlan> encode_embed(const EmbeddingRequest& request,
                                                       const SyncCall& call) const override;
  /// {"data":[{"index":0,"embedding":…}],"model":"…","usage":{"prompt_tokens":8,"total_tokens":8}}. Numbers are read as well
  /// where base64 was asked for: some servers know nothing else.
  [[nodiscard]] Result<Embeddings> decode_embed(const EmbeddingRequest& request,
                                                const http::Response& response,
                                                Time now) const override;

 private:
  openai_chat::Options chat_;
  Options options_;
};

}  // namespace weir::provider::openai_embeddings
