// Vertex AI: Gemini models in a project of Google Cloud, generateContent and batchPredictionJobs. The wire format is the dialect in
// provider/; here is only what is this API's own.
#include <fmt/format.h>

#include "provider/adapter.h"
#include "provider/gemini_cached_content.h"
#include "provider/gemini_dialect.h"
#include "providers/vertexAI/auth.h"
#include "providers/vertexAI/batch.h"
#include "providers/vertexAI/embed.h"
#include "providers/vertexAI/errors.h"
#include "providers/vertexAI/rows.h"
#include "providers/vertexAI/wire.h"

namespace weir::providers::vertexAI {
namespace {

namespace dialect = provider::gemini;

Result<http::RequestPlan> generate_plan(const llm::Request& request,
                                        const provider::SyncCall& call) {
  WEIR_TRY(const auto site, site_of(call.credentials.settings));
  if (call.credentials.key.empty())
    return fail(ErrorKind::kUnauthenticated,
                "vertexAI needs an access token or a service account's key",
                "export GOOGLE_OAUTH_ACCESS_TOKEN=…, or give --key-file KEY.json");
  auto plan =
      plan_of(http::Method::kPost, call.credentials,
              model_path(site, request.model,
                         request.stream ? ":streamGenerateContent?alt=sse" : ":generateContent"),
              true);
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  return plan;
}

// {base}/v1/projects/{p}/locations/{l}/cachedContents…, and in bodies the same name. Answers have the project's number in its place.
class Contents final : public dialect::ContentCodec {
 public:
  explicit Contents(const dialect::Options& options) : ContentCodec(options) {}

 private:
  [[nodiscard]] Result<http::RequestPlan> plan(
      http::Method method, std::string_view rest, bool with_body,
      const provider::Credentials& credentials) const override {
    WEIR_TRY(const auto name, in_bodies(rest, credentials));
    return plan_of(method, credentials, fmt::format("/v1/{}", name), with_body);
  }
  [[nodiscard]] Result<std::string> in_bodies(
      std::string_view name, const provider::Credentials& credentials) const override {
    WEIR_TRY(const auto site, site_of(credentials.settings));
    return fmt::format("projects/{}/locations/{}/{}", site.project, site.location, name);
  }
  [[nodiscard]] Result<std::string> model_in_bodies(
      std::string_view model, const provider::Credentials& credentials) const override {
    return in_bodies(fmt::format("publishers/google/models/{}", model), credentials);
  }
  [[nodiscard]] Result<http::RequestPlan> generate(const llm::Request& request,
                                                   const provider::SyncCall& call) const override {
    return generate_plan(request, call);
  }
};

class VertexAI final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "vertexAI"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& raw) const override {
    return fail(
        ErrorKind::kUnsupported,
        fmt::format("vertexAI does not take ready-made bodies of {}", llm::to_string(raw.dialect)));
  }

  [[nodiscard]] provider::PrefixRules prefix_rules() const override {
    return dialect::kPrefixRules;
  }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return dialect::decode_tool_calls(options_, response.tool_calls_json);
  }

  [[nodiscard]] Result<http::RequestPlan> encode_token(const provider::Credentials& credentials,
                                                       Time now) const override {
    return token_plan(credentials, now);
  }
  [[nodiscard]] Result<provider::AccessToken> decode_token(const http::Response& response,
                                                           Time now) const override {
    return read_token(response, now);
  }

  // POST {base}/v1/projects/{p}/locations/{l}/publishers/google/models/{model}:generateContent, or
  // :streamGenerateContent?alt=sse. The API has no client's request id; x-client-request-id is for the logs of what stands in
  // between. Doc: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (checked 2026-11-23)
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto plan, generate_plan(request, call));
    WEIR_TRY(auto body, dialect::encode_body(options_, request));
    plan.body.emplace_back(std::move(body));
    return plan;
  }

  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    return dialect::decode_answer(options_, response, now);
  }

  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return dialect::stream_decoder(options_);
  }

  [[nodiscard]] const provider::EmbeddingCodec* embeddings() const override { return &embedding_; }

  // POST …:countTokens, which is free, and unlike any GET tells whether the project may use the model where it is asked for. Doc:
  // https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens (checked 2026-11-27)
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    const auto site = site_of(credentials.settings).value_or(Site{});
    auto plan =
        plan_of(http::Method::kPost, credentials, model_path(site, model, ":countTokens"), true);
    plan.body.emplace_back(R"({"contents":[{"role":"user","parts":[{"text":"Hi"}]}]})");
    return plan;
  }

  [[nodiscard]] const provider::CachedContentCodec* cached_contents() const override {
    return &contents_;
  }

  [[nodiscard]] provider::ImageFormat image_format() const override {
    return {.head = "", .separator = "\n", .tail = "\n"};
  }
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    return append_item(options_, custom_id, request, out);
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return next_batch_step(options_, state, event, context);
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line,
                                                 Time /*now*/) const override {
    return decode_result_row(options_, line);
  }

 private:
  dialect::Options options_{
      .provider = "vertexAI", .call_ids = false, .file_types = true, .errors = error_rules()};
  Embedding embedding_{options_};
  Contents contents_{options_};
};

}  // namespace

const provider::Adapter& adapter() {
  static const VertexAI kInstance;
  return kInstance;
}

}  // namespace weir::providers::vertexAI
