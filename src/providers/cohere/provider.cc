// Cohere: chat of version 2, and batches over datasets whose results are Avro files.
// Docs (reference of 2026-11-23): https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/create-batch
#include <fmt/format.h>

#include "http/url.h"
#include "json/write.h"
#include "provider/adapter.h"
#include "providers/cohere/batch_machine.h"
#include "providers/cohere/batch_wire.h"
#include "providers/cohere/embed.h"
#include "providers/cohere/rows.h"
#include "providers/cohere/wire.h"

namespace weir::providers::cohere {
namespace {

class Cohere final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "cohere"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& raw) const override {
    return fail(ErrorKind::kUnsupported, fmt::format("cohere does not take ready-made bodies of {}",
                                                     llm::to_string(raw.dialect)));
  }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return decode_tool_calls(response.tool_calls_json);
  }

  // POST {base}/v2/chat. x-client-request-id is for what stands in between: the API has no client's request id.
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto body, encode_body(request, llm::Route::kSync));
    auto plan = plan_of(call.credentials, http::Method::kPost, "/v2/chat", true);
    plan.headers.add("x-client-request-id", std::string(call.attempt_id));
    plan.body.emplace_back(std::move(body));
    return plan;
  }

  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    return decode_answer(response, now);
  }

  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return cohere::stream_decoder();
  }

  [[nodiscard]] const provider::EmbeddingCodec* embeddings() const override { return &embedding_; }

  // Trial keys alone are told: x-trial-endpoint-call-limit and -remaining, of a minute; what is left of the month's is not.
  // By answers of the live service that others kept (2026-04 to 2026-06).
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    constexpr Duration kWindow = std::chrono::minutes(1);
    return {.requests = provider::rate_window(headers, "x-trial-endpoint-call-*", now, kWindow),
            .tokens = {}};
  }

  // GET {base}/v1/models/NAME: 401 for a wrong key, 404 for a model that is not there; free.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return plan_of(credentials, http::Method::kGet, "/v1/models/" + http::percent_encode(model));
  }

  [[nodiscard]] provider::ImageFormat image_format() const override {
    return {.head = "", .separator = "\n", .tail = "\n"};
  }

  // {"custom_id":"…","body":{…}}: the model is the batch's, and stands in no line.
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    WEIR_TRY(const auto body, encode_body(request, llm::Route::kBatch));
    json::Writer row;
    row.begin_object().field("custom_id", custom_id).key("body").raw(body).end_object();
    out += row.text();
    return {};
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return next_step(state, event, context);
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line,
                                                 Time /*now*/) const override {
    return cohere::decode_row(line);
  }

 private:
  Embedding embedding_;
};

}  // namespace

const provider::Adapter& adapter() {
  static const Cohere kInstance;
  return kInstance;
}

}  // namespace weir::providers::cohere
