#pragma once
// An adapter over the OpenAI dialects: what every provider of that shape does alike. A provider derives from it, gives its
// options, and overrides what is its own. Stateless and thread-safe, as adapter.h says.
//
// A provider with the Responses API is two adapters of one class: chat completions, and, chosen by the setting `api`, responses.
// Neutral requests are written as the adapter's API wants them. Ready-made bodies choose by their own dialect on the sync route;
// a batch has one endpoint. Answers, rows and streams tell by themselves what they are.
#include <optional>
#include <string_view>

#include "provider/openai_batch_dialect.h"
#include "provider/openai_embeddings.h"

namespace weir::provider {

class OpenAIAdapter : public Adapter {
 public:
  /// @param embeddings unset: the provider has none, or not of this shape
  /// @param responses the adapter of the other API, from with_responses(); null: there is none. Borrowed.
  explicit OpenAIAdapter(const openai_batch::Options& options,
                         std::optional<openai_embeddings::Options> embeddings = std::nullopt,
                         const Adapter* responses = nullptr)
      : options_(options), responses_(responses) {
    if (embeddings) embeddings_.emplace(options.chat, *embeddings);
  }

  [[nodiscard]] std::string_view name() const override { return options_.chat.provider; }
  /// `api=responses`: the Responses API. Doc: https://developers.openai.com/api/reference/resources/responses (checked 2026-11-27)
  [[nodiscard]] const Adapter& chosen_by(const Settings& settings) const override;
  [[nodiscard]] Result<RawBlocks> raw_blocks(const llm::RawBody& raw) const override;
  [[nodiscard]] PrefixRules prefix_rules() const override { return openai_chat::kPrefixRules; }
  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override;

  /// POST {base}/chat/completions, or {base}/responses. x-client-request-id: ASCII, at most 512 characters, kept by OpenAI for support requests;
  /// who does not know it ignores it. Doc: https://developers.openai.com/api/reference/overview (checked 2026-11-23)
  [[nodiscard]] Result<http::RequestPlan> encode_sync(const llm::Request& request,
                                                      const SyncCall& call) const override;
  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override;
  [[nodiscard]] std::unique_ptr<StreamDecoder> stream_decoder() const override;
  [[nodiscard]] const EmbeddingCodec* embeddings() const override {
    return embeddings_ ? &*embeddings_ : nullptr;
  }
  /// x-ratelimit-remaining-requests: 59, x-ratelimit-reset-requests: 6m0s, and the same of tokens.
  /// Doc: https://developers.openai.com/api/docs/guides/rate-limits (checked 2026-11-23)
  [[nodiscard]] RateLimits rate_limits(const http::Headers& headers, Time now) const override;
  /// GET {base}/models/{model}: 401 for a wrong key, 404 for a model that the key may not use; free.
  [[nodiscard]] http::RequestPlan encode_probe(const Credentials& credentials,
                                               std::string_view model) const override;

  [[nodiscard]] ImageFormat image_format() const override;
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override;
  [[nodiscard]] Result<Step> next(std::string_view state, const BatchEvent& event,
                                  const BatchContext& context) const override;
  [[nodiscard]] Result<Row> decode_row(std::string_view artefact, std::string_view line,
                                       Time now) const override;

 protected:
  /// The options for this request, which may differ by model. @error kUnsupported the provider cannot be told what it asks.
  [[nodiscard]] virtual Result<openai_chat::Options> chat_for(const llm::Request& request) const;
  /// GET {base}{path}, with the key.
  [[nodiscard]] http::RequestPlan get(const Credentials& credentials, std::string_view path) const;

  /// Whether the request goes to the Responses API.
  [[nodiscard]] bool is_for_responses(const llm::Request& request) const;

  [[nodiscard]] const openai_batch::Options& options() const { return options_; }

 private:
  openai_batch::Options options_;
  std::optional<openai_embeddings::Codec> embeddings_;
  const Adapter* responses_;
};

/// The options of the same provider's Responses API.
[[nodiscard]] openai_batch::Options with_responses(openai_batch::Options options);

}  // namespace weir::provider
