// Azure OpenAI: the OpenAI shape behind a resource of one's own. The model's name on the wire is the deployment's.
#include <fmt/format.h>

#include <algorithm>

#include "http/url.h"
#include "provider/openai_adapter.h"
#include "providers/azureOpenAI/errors.h"

namespace weir::providers::azureOpenAI {
namespace {

namespace chat = provider::openai_chat;
namespace batch = provider::openai_batch;

// The older URL form needs one. Doc: https://learn.microsoft.com/azure/ai-foundry/openai/reference (checked 2026-11-23)
constexpr std::string_view kApiVersion = "api-version=2024-10-21";

// A JSON Web Token: three parts, the first of which is the base64 of `{"`. A key of a resource has no dots.
bool is_entra_token(std::string_view key) {
  return key.starts_with("eyJ") && std::ranges::count(key, '.') == 2;
}

// `api-key: KEY`, or `authorization: Bearer TOKEN`. Doc: https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication
// (checked 2026-11-23)
http::Headers azure_headers(const provider::Credentials& credentials, bool with_body) {
  if (is_entra_token(credentials.key)) return chat::bearer_headers(credentials, with_body);
  http::Headers headers{{"api-key", credentials.key}};
  if (with_body) headers.add("content-type", "application/json");
  return headers;
}

// expires_after.seconds takes 1,209,600 to 2,592,000. Doc: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch
// (checked 2026-11-23)
batch::Options options_of_azure() {
  return {.chat = {.provider = "azureOpenAI",
                   .breakpoints = true,
                   .cache_key = true,
                   .responses = true,
                   .errors = error_rules(),
                   .headers = azure_headers},
          .dotted_expiry = true};
}

// The expiry of files is younger than the older form.
batch::Options as_older_form(batch::Options options) {
  options.file_expiry = false;
  options.query = kApiVersion;
  return options;
}

// ".../openai" is the older form, ".../v1" the v1 surface; a resource alone means the v1 surface too.
bool is_older_form(std::string_view base_path) {
  while (base_path.ends_with('/')) base_path.remove_suffix(1);
  return base_path.ends_with("/openai");
}
provider::Credentials at_v1(const provider::Credentials& credentials) {
  std::string_view base = credentials.base_path;
  while (base.ends_with('/')) base.remove_suffix(1);
  if (base.ends_with("/v1")) return credentials;
  return {.base_path = http::join_path(base, "/openai/v1"), .key = credentials.key};
}

// POST {resource}/openai/v1/embeddings, or
// POST {resource}/openai/deployments/{deployment}/embeddings?api-version=…
// Doc: https://learn.microsoft.com/azure/ai-foundry/openai/reference (checked 2026-11-27)
class Embedding final : public provider::openai_embeddings::Codec {
 public:
  Embedding() : Codec(options_of_azure().chat, {}) {}

  [[nodiscard]] Result<http::RequestPlan> encode_embed(
      const provider::EmbeddingRequest& request, const provider::SyncCall& call) const override {
    if (!is_older_form(call.credentials.base_path)) {
      const auto credentials = at_v1(call.credentials);
      return Codec::encode_embed(request, {credentials, call.attempt_id});
    }
    WEIR_TRY(auto plan, Codec::encode_embed(request, call));
    plan.target = http::join_path(call.credentials.base_path,
                                  fmt::format("/deployments/{}/embeddings?{}",
                                              http::percent_encode(request.model), kApiVersion));
    return plan;
  }
};

class Azure final : public provider::OpenAIAdapter {
 public:
  explicit Azure(const batch::Options& options, const provider::Adapter* responses = nullptr)
      : OpenAIAdapter(options, std::nullopt, responses), older_form_(as_older_form(options)) {}

  [[nodiscard]] const provider::EmbeddingCodec* embeddings() const override { return &embedding_; }

  // POST {resource}/openai/v1/chat/completions or /openai/v1/responses, or
  // POST {resource}/openai/deployments/{deployment}/chat/completions?api-version=…
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    if (!is_older_form(call.credentials.base_path)) {
      const auto credentials = at_v1(call.credentials);
      return OpenAIAdapter::encode_sync(request, {credentials, call.attempt_id});
    }
    if (is_for_responses(request))
      return fail(ErrorKind::kUnsupported, "azureOpenAI has the Responses API on its v1 surface",
                  "use the endpoint https://RESOURCE.openai.azure.com/openai/v1");
    WEIR_TRY(auto plan, OpenAIAdapter::encode_sync(request, call));
    plan.target = http::join_path(call.credentials.base_path,
                                  fmt::format("/deployments/{}/chat/completions?{}",
                                              http::percent_encode(request.model), kApiVersion));
    return plan;
  }

  // GET {resource}/openai/v1/models: of deployments there is no list that a key may read.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view /*model*/) const override {
    if (is_older_form(credentials.base_path))
      return get(credentials, fmt::format("/models?{}", kApiVersion));
    return get(at_v1(credentials), "/models");
  }

  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    if (is_older_form(context.credentials.base_path))
      return batch::next(older_form_, state, event, context);
    const auto credentials = at_v1(context.credentials);
    return OpenAIAdapter::next(state, event,
                               {.credentials = credentials,
                                .limits = context.limits,
                                .id = context.id,
                                .items = context.items,
                                .image_bytes = context.image_bytes,
                                .model = context.model,
                                .now = context.now,
                                .taken = context.taken,
                                .claimed = context.claimed});
  }

 private:
  batch::Options older_form_;
  Embedding embedding_;
};

}  // namespace

const provider::Adapter& adapter() {
  static const Azure kResponses(provider::with_responses(options_of_azure()));
  static const Azure kChat(options_of_azure(), &kResponses);
  return kChat;
}

}  // namespace weir::providers::azureOpenAI
