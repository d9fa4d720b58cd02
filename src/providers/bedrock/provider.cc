// Amazon Bedrock: the Converse API, and batches as model invocation jobs over S3.
// Docs: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
// https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html (reference of 2026-11-23)
#include "json/value.h"
#include "providers/bedrock/batch_machine.h"
#include "providers/bedrock/converse.h"
#include "providers/bedrock/embed.h"
#include "providers/bedrock/errors.h"
#include "providers/bedrock/rows.h"
#include "providers/bedrock/wire.h"

namespace weir::providers::bedrock {
namespace {

class Bedrock final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "bedrock"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& /*raw*/) const override {
    return fail(ErrorKind::kUnsupported, "no ready-made body fits the Converse API",
                "send it to a provider of its format");
  }
  [[nodiscard]] provider::PrefixRules prefix_rules() const override { return kPrefixRules; }
  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return decode_tool_calls(response.tool_calls_json);
  }

  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    std::string body;
    WEIR_CHECK(append_body(request, llm::Route::kSync, body));
    auto plan = converse_plan(request.model, request.stream, std::move(body));
    plan.headers.add("x-client-request-id", std::string(call.attempt_id));
    address(plan, Service::kRuntime, call.credentials, call.now);
    return plan;
  }

  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    if (response.status / 100 != 2) return std::unexpected(error_of_response(response, now));
    const auto id = response.headers.find("x-amzn-requestid").value_or("").substr(0, 128);
    json::Parser parser;
    const auto parsed = parser.parse(response.body);
    auto answer = parsed ? decode_response(*parsed, response.body)
                         : Result<llm::Response>(fail(ErrorKind::kBadResponse,
                                                      "the answer is " + parsed.error().message));
    if (!answer) {
      Error error = std::move(answer).error();
      error.provider = "bedrock";
      error.http_status = response.status;
      error.request_id = id;
      return std::unexpected(std::move(error));
    }
    answer->id = id;  // the body has none
    return answer;
  }

  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return make_stream_decoder();
  }

  [[nodiscard]] const provider::EmbeddingCodec* embeddings() const override { return &embedding_; }

  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return encode_probe_at(credentials, model, Time{});
  }
  // A conversation without messages: 403 for a wrong key or one that may not call the model, else 400. Looking the model up would ask for a
  // further permission. It runs nothing, so it costs nothing.
  [[nodiscard]] http::RequestPlan encode_probe_at(const provider::Credentials& credentials,
                                                  std::string_view model, Time now) const override {
    auto plan = converse_plan(model, false, R"({"messages":[]})");
    address(plan, Service::kRuntime, credentials, now);
    return plan;
  }

  [[nodiscard]] provider::ImageFormat image_format() const override {
    return {.head = "", .separator = "\n", .tail = "\n"};
  }
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    return append_item(custom_id, request, out);
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return next_step(state, event, context);
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line,
                                                 Time /*now*/) const override {
    return decode_result_row(line);
  }

 private:
  Embedding embedding_;
};

}  // namespace

const provider::Adapter& adapter() {
  static const Bedrock kInstance;
  return kInstance;
}

}  // namespace weir::providers::bedrock
