// A made-up provider of the OpenAI shape: all of it is OpenAI's but the name.
#include "provider/openai_adapter.h"

namespace weir::providers::acme {

const provider::Adapter& adapter() {
  static const provider::OpenAIAdapter kInstance(
      provider::openai_batch::Options{.chat = {.provider = "acme"}});
  return kInstance;
}

}  // namespace weir::providers::acme
