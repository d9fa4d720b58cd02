// xAI: chat completions and batches of files. The wire formats are the dialects in provider/; here is what is xAI's own.
#include <fmt/format.h>

#include "http/url.h"
#include "provider/adapter.h"
#include "providers/xai/batch.h"

namespace weir::providers::xai {
namespace {

namespace chat = provider::openai_chat;
namespace batch = provider::openai_batch;

// "stop … not supported by reasoning models": an error, which the whole batch would wait for.
// Doc: https://docs.x.ai/docs/guides/reasoning (checked 2026-11-23)
Result<void> check_stop(const llm::Request& request) {
  const bool reasons = !request.model.contains("non-reasoning");
  if (request.stop.empty() || !reasons) return {};
  return fail(ErrorKind::kUnsupported,
              fmt::format("xai's reasoning model {} takes no stop sequences", request.model),
              "leave them out, and cut the answer yourself");
}

class Xai final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "xai"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& raw) const override {
    return chat::raw_blocks(chat_, raw);
  }
  [[nodiscard]] provider::PrefixRules prefix_rules() const override { return chat::kPrefixRules; }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return chat::decode_tool_calls(chat_, response.tool_calls_json);
  }

  // POST {base}/chat/completions. x-grok-conv-id: requests of one value are led to the same cache.
  // Doc: https://docs.x.ai/developers/advanced-api-usage/prompt-caching (checked 2026-11-23)
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_CHECK(check_stop(request));
    WEIR_TRY(auto body, chat::encode_body(chat_, request, llm::Route::kSync));
    http::RequestPlan plan{
        .method = http::Method::kPost,
        .target = http::join_path(call.credentials.base_path, "/chat/completions"),
        .headers = chat::bearer_headers(call.credentials.key, true),
        .body = {}};
    plan.headers.add("x-client-request-id", std::string(call.attempt_id));
    if (!request.cache_key.empty()) plan.headers.add("x-grok-conv-id", request.cache_key);
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

  // OpenAI's names; the resets are not always there, and then nothing is known.
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    return {.requests = provider::rate_window(headers, "x-ratelimit-*-requests", now),
            .tokens = provider::rate_window(headers, "x-ratelimit-*-tokens", now)};
  }

  // GET {base}/models/{model}
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return {.method = http::Method::kGet,
            .target = http::join_path(credentials.base_path,
                                      fmt::format("/models/{}", http::percent_encode(model))),
            .headers = chat::bearer_headers(credentials.key, false),
            .body = {}};
  }

  [[nodiscard]] provider::ImageFormat image_format() const override {
    return batch::image_format();
  }
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    WEIR_CHECK(check_stop(request));
    return batch::encode_item(batch_, custom_id, request, out);
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return batch::next(batch_, state, event, context);
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line,
                                                 Time /*now*/) const override {
    return xai::decode_row(line);
  }

 private:
  chat::Options chat_ = chat_options();
  batch::Options batch_ = batch_options();
};

}  // namespace

const provider::Adapter& adapter() {
  static const Xai instance;
  return instance;
}

}  // namespace weir::providers::xai
