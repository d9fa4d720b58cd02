// OpenAI: chat completions, responses, embeddings, and file batches of requests. The wire formats are the dialects in provider/; here
// is only what is OpenAI's own.
#include "provider/openai_adapter.h"
#include "providers/openAI/errors.h"

namespace weir::providers::openAI {
namespace {

provider::openai_batch::Options options_of_openai() {
  return {.chat = {.provider = "openAI",
                   .breakpoints = true,
                   .cache_key = true,
                   .responses = true,
                   .errors = error_rules()}};
}

}  // namespace

const provider::Adapter& adapter() {
  constexpr provider::openai_embeddings::Options kEmbeddings;
  static const provider::OpenAIAdapter kResponses(provider::with_responses(options_of_openai()),
                                                  kEmbeddings);
  static const provider::OpenAIAdapter kChat(options_of_openai(), kEmbeddings, &kResponses);
  return kChat;
}

}  // namespace weir::providers::openAI
