// Anthropic: the Messages API and Message Batches. The adapter object binds the pieces; it has no
// state.
#include <fmt/format.h>

#include "json/patch.h"
#include "json/write.h"
#include "provider/anthropic_dialect.h"
#include "providers/anthropic/batch.h"
#include "providers/anthropic/errors.h"
#include "providers/anthropic/rows.h"
#include "providers/anthropic/wire.h"

namespace weir::providers::anthropic {
namespace {

namespace dialect = provider::anthropic_dialect;

class AnthropicAdapter final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "anthropic"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& raw) const override {
    return dialect::raw_blocks(raw);
  }

  [[nodiscard]] provider::PrefixRules prefix_rules() const override {
    return dialect::kPrefixRules;
  }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return dialect::decode_tool_calls(response.tool_calls_json);
  }

  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    std::string body;
    WEIR_CHECK(dialect::append_body(request, body));
    auto plan = plan_of(http::Method::kPost, call.credentials, kMessagesPath, true);
    plan.headers.add("x-client-request-id", std::string(call.attempt_id));
    plan.body.emplace_back(std::move(body));
    return plan;
  }

  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    if (response.status / 100 != 2) return std::unexpected(error_of_response(response, now));
    json::Parser parser;
    const auto parsed = parser.parse(response.body);
    auto message = parsed ? dialect::decode_message(*parsed, response.body)
                          : Result<llm::Response>(fail(ErrorKind::kBadResponse,
                                                       "the answer is " + parsed.error().message));
    if (message) return message;
    Error error = std::move(message).error();
    error.provider = "anthropic";
    error.http_status = response.status;
    error.request_id = response.headers.find("request-id").value_or("").substr(0, 128);
    return std::unexpected(std::move(error));
  }

  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return dialect::make_stream_decoder(&error_of_event);
  }

  // anthropic-ratelimit-requests-remaining: 49, …-reset: an RFC 3339 time; the "tokens" ones show the
  // tightest of the token limits. Doc: https://platform.claude.com/docs/en/api/rate-limits (checked
  // 2026-11-23)
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    return {.requests = provider::rate_window(headers, "anthropic-ratelimit-requests-*", now),
            .tokens = provider::rate_window(headers, "anthropic-ratelimit-tokens-*", now)};
  }

  // Doc: https://platform.claude.com/docs/en/api/models/retrieve (checked 2026-11-23)
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return plan_of(http::Method::kGet, credentials,
                   fmt::format("{}{}", kModelsPath, http::percent_encode(model)), false);
  }

  [[nodiscard]] provider::ImageFormat image_format() const override {
    return {.head = "{\"requests\":[", .separator = ",", .tail = "]}"};
  }

  // {"custom_id":"w…-0","params":{<body of a Messages request>}}
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    if (request.stream || (request.raw && dialect::asks_for_stream(*request.raw)))
      return fail(ErrorKind::kInvalidArgument, "a request of a batch cannot be streamed",
                  "remove stream from it, or send it on the sync route");
    const std::size_t before = out.size();
    out += R"({"custom_id":)";
    json::append_string(out, custom_id);
    out += R"(,"params":)";
    if (auto body = dialect::append_body(request, out); !body) {
      out.resize(before);
      return body;
    }
    out += "}";
    return {};
  }

  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return next_batch_step(state, event, context);
  }

  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line,
                                                 Time /*now*/) const override {
    return decode_result_row(line);
  }
};

}  // namespace

const provider::Adapter& adapter() {
  static const AnthropicAdapter kAdapter;
  return kAdapter;
}

}  // namespace weir::providers::anthropic
