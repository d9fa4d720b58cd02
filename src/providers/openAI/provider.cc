// OpenAI: chat completions, embeddings and file batches. The wire formats are the dialects in provider/; here
// is only what is OpenAI's own.
#include "provider/openai_adapter.h"
#include "providers/openAI/errors.h"

namespace weir::providers::openAI {

const provider::Adapter& adapter() {
  static const provider::OpenAIAdapter instance({.chat = {.provider = "openAI",
                                                          .breakpoints = true,
                                                          .cache_key = true,
                                                          .errors = error_rules()}},
                                                provider::openai_embeddings::Options{});
  return instance;
}

}  // namespace weir::providers::openAI
