// Groq: chat completions and file batches of the OpenAI shape, with Groq's own rules on top.
#include "provider/openai_adapter.h"
#include "providers/groq/errors.h"

namespace weir::providers::groq {
namespace {

namespace chat = provider::openai_chat;
namespace batch = provider::openai_batch;

// Streams: {"x_groq":{"id":"req_…","usage":{…}}} on the last chunk, unasked. Lists of batches go on by a
// cursor, in no documented order. Doc: https://console.groq.com/docs/api-reference, by the types of
// groq-python 9620fde (checked 2026-11-23)
constexpr batch::Options kOptions{
    .chat = {.provider = "groq", .stream_options = false, .stream_usage_in = "x_groq"},
    .file_expiry = false,
    .paging = batch::Paging::kCursor,
    .newest_first = false};

batch::Options options_of_groq() {
  auto options = kOptions;
  options.chat.errors = error_rules();
  return options;
}

// The models whose answers can follow a schema, and whether they promise to. Doc:
// https://console.groq.com/docs/structured-outputs (checked 2026-11-23)
bool keeps_schema(std::string_view model) {
  return model == "openai/gpt-oss-20b" || model == "openai/gpt-oss-120b";
}
bool knows_no_schema(std::string_view model) {
  return model.starts_with("llama-3") || model.starts_with("gemma") || model.starts_with("qwen/");
}

class Groq final : public provider::OpenAIAdapter {
 public:
  Groq() : OpenAIAdapter(options_of_groq()) {}

 protected:
  // A ready-made body says what it says: Groq itself answers what it does not take.
  [[nodiscard]] Result<chat::Options> chat_for(const llm::Request& request) const override {
    auto chosen = options().chat;
    if (!request.format) return chosen;
    if (knows_no_schema(request.model))
      return fail(ErrorKind::kUnsupported,
                  "groq: this model cannot be told a schema for its answer: " + request.model,
                  "use openai/gpt-oss-20b or openai/gpt-oss-120b, or ask for no schema");
    if (!request.tools.empty())
      return fail(ErrorKind::kUnsupported, "groq takes no tools together with an answer schema",
                  "ask for one of them");
    if (request.stream)
      return fail(ErrorKind::kUnsupported, "groq does not stream an answer that follows a schema",
                  "await it whole, or ask for no schema");
    chosen.strict_schema = keeps_schema(request.model);
    return chosen;
  }
};

}  // namespace

const provider::Adapter& adapter() {
  static const Groq instance;
  return instance;
}

}  // namespace weir::providers::groq
