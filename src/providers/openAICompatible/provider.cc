// Any server that speaks OpenAI's chat format: vLLM, SGLang, llama.cpp, LM Studio, DeepSeek, OpenRouter and others. The wire
// format is the dialect in provider/; nothing beyond it is assumed, least of all a batch API.
#include "http/url.h"
#include "provider/openai_chat_dialect.h"
#include "provider/sync_only.h"
#include "providers/openAICompatible/errors.h"
#include "providers/openAICompatible/usage.h"

namespace weir::providers::openAICompatible {
namespace {

namespace chat = provider::openai_chat;

// max_tokens: every server knows it, the newer name not all.
chat::Options chat_options() {
  return {.provider = "openAICompatible",
          .output_max_key = "max_tokens",
          .errors = error_rules(),
          .rule_by_words = rule_by_words,
          .usage = decode_usage};
}

class OpenAICompatible final : public provider::SyncOnlyAdapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "openAICompatible"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& raw) const override {
    return chat::raw_blocks(chat_, raw);
  }
  [[nodiscard]] provider::PrefixRules prefix_rules() const override { return chat::kPrefixRules; }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return chat::decode_tool_calls(chat_, response.tool_calls_json);
  }

  // POST {base}/chat/completions
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto body, chat::encode_body(chat_, request, llm::Route::kSync));
    http::RequestPlan plan{
        .method = http::Method::kPost,
        .target = http::join_path(call.credentials.base_path, "/chat/completions"),
        .headers = chat::bearer_headers(call.credentials.key, true),
        .body = {}};
    plan.headers.add("x-client-request-id", std::string(call.attempt_id));
    plan.body.emplace_back(std::move(body));
    return plan;
  }

  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    return chat::decode_answer(chat_, response, now);
  }
  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return chat::stream_decoder(chat_);
  }

  // OpenAI's headers, where the server has them.
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    return {.requests = provider::rate_window(headers, "x-ratelimit-*-requests", now),
            .tokens = provider::rate_window(headers, "x-ratelimit-*-tokens", now)};
  }

  // GET {base}/models: hardly any server has a page for one model.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view /*model*/) const override {
    return {.method = http::Method::kGet,
            .target = http::join_path(credentials.base_path, "/models"),
            .headers = chat::bearer_headers(credentials.key, false),
            .body = {}};
  }

 private:
  chat::Options chat_ = chat_options();
};

}  // namespace

const provider::Adapter& adapter() {
  static const OpenAICompatible instance;
  return instance;
}

}  // namespace weir::providers::openAICompatible
