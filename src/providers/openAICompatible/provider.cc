// Any server that speaks OpenAI's chat format, or its Responses API: vLLM, SGLang, llama.cpp, LM Studio, DeepSeek, OpenRouter and others. The wire
// format is the dialect in provider/; nothing beyond it is assumed, least of all a batch API.
#include "provider/openai_adapter.h"
#include "provider/sync_only.h"
#include "providers/openAICompatible/errors.h"
#include "providers/openAICompatible/usage.h"

namespace weir::providers::openAICompatible {
namespace {

// max_tokens: every server knows it, the newer name not all.
provider::openai_batch::Options options() {
  return {.chat = {.provider = "openAICompatible",
                   .output_max_key = "max_tokens",
                   .responses = true,
                   .errors = error_rules(),
                   .rule_by_words = rule_by_words,
                   .usage = decode_usage}};
}

// Not every server knows base64, and some tell no usage.
constexpr provider::openai_embeddings::Options kEmbeddings{.base64 = false, .usage = false};

class OpenAICompatible final : public provider::SyncOnly<provider::OpenAIAdapter> {
 public:
  explicit OpenAICompatible(const provider::openai_batch::Options& options,
                            const provider::Adapter* responses = nullptr)
      : SyncOnly(options, kEmbeddings, responses) {}

  // GET {base}/models: hardly any server has a page for one model.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view /*model*/) const override {
    return get(credentials, "/models");
  }
};

}  // namespace

const provider::Adapter& adapter() {
  static const OpenAICompatible kResponses(provider::with_responses(options()));
  static const OpenAICompatible kChat(options(), &kResponses);
  return kChat;
}

}  // namespace weir::providers::openAICompatible
