// xAI: chat completions and batches of files. The wire formats are the dialects in provider/; here is what is xAI's own.
#include <fmt/format.h>

#include "provider/openai_adapter.h"
#include "providers/xai/batch.h"

namespace weir::providers::xai {
namespace {

class Xai final : public provider::OpenAIAdapter {
 public:
  Xai() : OpenAIAdapter(batch_options()) {}

  // x-grok-conv-id: requests of one value are led to the same cache.
  // Doc: https://docs.x.ai/developers/advanced-api-usage/prompt-caching (checked 2026-11-23)
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto plan, OpenAIAdapter::encode_sync(request, call));
    if (!request.cache_key.empty()) plan.headers.add("x-grok-conv-id", request.cache_key);
    return plan;
  }

  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line,
                                                 Time /*now*/) const override {
    return xai::decode_row(line);
  }

 private:
  // "stop … not supported by reasoning models": an error of each request.
  // Doc: https://docs.x.ai/docs/guides/reasoning (checked 2026-11-23)
  [[nodiscard]] Result<provider::openai_chat::Options> chat_for(
      const llm::Request& request) const override {
    const bool reasons = !request.model.contains("non-reasoning");
    if (request.stop.empty() || !reasons) return options().chat;
    return fail(ErrorKind::kUnsupported,
                fmt::format("xai's reasoning model {} takes no stop sequences", request.model),
                "leave them out, and cut the answer yourself");
  }
};

}  // namespace

const provider::Adapter& adapter() {
  static const Xai kInstance;
  return kInstance;
}

}  // namespace weir::providers::xai
