// OpenAI: chat completions and file batches. The wire formats are the dialects in provider/; here
// is only what is OpenAI's own.
#include <fmt/format.h>

#include "http/url.h"
#include "provider/adapter.h"
#include "provider/openai_batch_dialect.h"
#include "provider/openai_chat_dialect.h"
#include "providers/openAI/errors.h"

namespace weir::providers::openAI {
namespace {

namespace chat = provider::openai_chat;
namespace batch = provider::openai_batch;

chat::Options chat_options() {
  return {.provider = "openAI", .breakpoints = true, .cache_key = true, .errors = error_rules()};
}
batch::Options batch_options() { return {.chat = chat_options()}; }

class OpenAI final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "openAI"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& raw) const override {
    return chat::raw_blocks(chat_, raw);
  }

  [[nodiscard]] provider::PrefixRules prefix_rules() const override { return chat::kPrefixRules; }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return chat::decode_tool_calls(chat_, response.tool_calls_json);
  }

  // POST {base}/chat/completions. x-client-request-id: ASCII, at most 512 characters, kept by
  // OpenAI for support requests. Doc: https://developers.openai.com/api/reference/overview (checked
  // 2026-11-23)
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto body, chat::encode_body(chat_, request, llm::Route::kSync));
    http::RequestPlan plan{
        .method = http::Method::kPost,
        .target = http::join_path(call.credentials.base_path, "/chat/completions"),
        .headers = chat::bearer_headers(call.credentials, true),
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

  // x-ratelimit-remaining-requests: 59, x-ratelimit-reset-requests: 6m0s, and the same of tokens.
  // Doc: https://developers.openai.com/api/docs/guides/rate-limits (checked 2026-11-23)
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    return {.requests = provider::rate_window(headers, "x-ratelimit-*-requests", now),
            .tokens = provider::rate_window(headers, "x-ratelimit-*-tokens", now)};
  }

  // GET {base}/models/{model}: 401 for a wrong key, 404 for a model that the key may not use; free.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return {.method = http::Method::kGet,
            .target = http::join_path(credentials.base_path,
                                      fmt::format("/models/{}", http::percent_encode(model))),
            .headers = chat::bearer_headers(credentials, false),
            .body = {}};
  }

  [[nodiscard]] provider::ImageFormat image_format() const override {
    return batch::image_format();
  }
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    return batch::encode_item(batch_, custom_id, request, out);
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return batch::next(batch_, state, event, context);
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line, Time now) const override {
    return batch::decode_row(batch_, line, now);
  }

 private:
  chat::Options chat_ = chat_options();
  batch::Options batch_ = batch_options();
};

}  // namespace

const provider::Adapter& adapter() {
  static const OpenAI instance;
  return instance;
}

}  // namespace weir::providers::openAI
