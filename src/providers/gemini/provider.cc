// Gemini: the Gemini Developer API with a key of Google AI Studio, generateContent and file batches.
// The wire format is the dialect in provider/; here is only what is this API's own.
#include <fmt/format.h>

#include "http/url.h"
#include "provider/adapter.h"
#include "provider/gemini_cached_content.h"
#include "provider/gemini_dialect.h"
#include "providers/gemini/batch.h"
#include "providers/gemini/embed.h"
#include "providers/gemini/errors.h"
#include "providers/gemini/rows.h"
#include "providers/gemini/wire.h"

namespace weir::providers::gemini {
namespace {

namespace dialect = provider::gemini;

http::RequestPlan generate_plan(const llm::Request& request, const provider::SyncCall& call) {
  auto plan = plan_of(http::Method::kPost, call.credentials,
                      model_path(request.model, request.stream ? ":streamGenerateContent?alt=sse"
                                                               : ":generateContent"),
                      true);
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  return plan;
}

// {base}/v1beta/cachedContents…, named as they are.
class Contents final : public dialect::ContentCodec {
 public:
  explicit Contents(const dialect::Options& options) : ContentCodec(options) {}

 private:
  [[nodiscard]] Result<http::RequestPlan> plan(
      http::Method method, std::string_view rest, bool with_body,
      const provider::Credentials& credentials) const override {
    return plan_of(method, credentials, fmt::format("/v1beta/{}", rest), with_body);
  }
  [[nodiscard]] Result<std::string> in_bodies(
      std::string_view name, const provider::Credentials& /*credentials*/) const override {
    return std::string(name);
  }
  [[nodiscard]] Result<std::string> model_in_bodies(
      std::string_view model, const provider::Credentials& /*credentials*/) const override {
    return fmt::format("models/{}", model);
  }
  [[nodiscard]] Result<http::RequestPlan> generate(const llm::Request& request,
                                                   const provider::SyncCall& call) const override {
    return generate_plan(request, call);
  }
};

class Gemini final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "gemini"; }

  [[nodiscard]] Result<provider::RawBlocks> raw_blocks(const llm::RawBody& raw) const override {
    return fail(ErrorKind::kUnsupported, fmt::format("gemini does not take ready-made bodies of {}",
                                                     llm::to_string(raw.dialect)));
  }

  [[nodiscard]] provider::PrefixRules prefix_rules() const override {
    return dialect::kPrefixRules;
  }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return dialect::decode_tool_calls(options_, response.tool_calls_json);
  }

  // POST {base}/v1beta/models/{model}:generateContent, or :streamGenerateContent?alt=sse. The API has
  // no client's request id; unknown headers are let pass, and x-client-request-id is for the logs of
  // what stands in between. Doc: https://ai.google.dev/api/generate-content (checked 2026-11-23)
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto body, dialect::encode_body(options_, request));
    auto plan = generate_plan(request, call);
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

  // GET {base}/v1beta/models/{model}: 400 API_KEY_INVALID for a wrong key, 404 for no such model;
  // free. Doc: https://ai.google.dev/api/models (checked 2026-11-23)
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return plan_of(http::Method::kGet, credentials, model_path(model, ""));
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
  dialect::Options options_{.provider = "gemini", .errors = error_rules()};
  Embedding embedding_{options_};
  Contents contents_{options_};
};

}  // namespace

const provider::Adapter& adapter() {
  static const Gemini kInstance;
  return kInstance;
}

}  // namespace weir::providers::gemini
