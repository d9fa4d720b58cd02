// Fireworks: chat completions of OpenAI's shape, and batch inference jobs over datasets.
// Docs: https://docs.fireworks.ai/api-reference/post-chatcompletions, https://docs.fireworks.ai/guides/batch-inference (reference of
// 2026-11-23)
#include <fmt/format.h>

#include "http/url.h"
#include "json/write.h"
#include "provider/openai_adapter.h"
#include "providers/fireworks/batch_machine.h"
#include "providers/fireworks/rows.h"
#include "providers/fireworks/wire.h"

namespace weir::providers::fireworks {
namespace {

namespace chat = provider::openai_chat;

// "accounts/fireworks/models/kimi-k3": each step encoded, the slashes stay.
std::string path_of_model(std::string_view model) {
  std::string out;
  while (true) {
    const auto slash = model.find('/');
    out += "/" + http::percent_encode(model.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    model.remove_prefix(slash + 1);
  }
}

// Doc: https://docs.fireworks.ai/api-reference/creates-an-embedding-vector-representing-the-input-text (reference of 2026-11-23)
constexpr provider::openai_embeddings::Options kEmbeddings{.path = "/inference/v1/embeddings",
                                                           .base64 = false};

class Fireworks final : public provider::OpenAIAdapter {
 public:
  Fireworks() : OpenAIAdapter({.chat = chat_options()}, kEmbeddings) {}

  // POST {base}/inference/v1/chat/completions: the rest of the API is not below /inference.
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto plan, OpenAIAdapter::encode_sync(request, call));
    plan.target = http::join_path(call.credentials.base_path, "/inference/v1/chat/completions");
    return plan;
  }

  // x-ratelimit-limit-requests and the like are named; whether a reset comes with them is uncertain: a minute then.
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    constexpr Duration kWindow = std::chrono::minutes(1);
    return {.requests = provider::rate_window(headers, "x-ratelimit-*-requests", now, kWindow),
            .tokens = provider::rate_window(headers, "x-ratelimit-*-tokens-prompt", now, kWindow)};
  }

  // GET {base}/v1/accounts/fireworks/models/NAME: 403 for a wrong key, 404 for a model that is not there; free.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return get(credentials, "/v1" + path_of_model(model));
  }

  // {"custom_id":"…","body":{…}}: the model is the job's, and stands in no line.
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    WEIR_TRY(const auto body, chat::encode_body(options().chat, request, llm::Route::kBatch));
    json::Writer row;
    row.begin_object().field("custom_id", custom_id).key("body").raw(body).end_object();
    out += row.text();
    return {};
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return next_step(state, event, context);
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view /*artefact*/,
                                                 std::string_view line,
                                                 Time /*now*/) const override {
    return fireworks::decode_row(line);
  }
};

}  // namespace

const provider::Adapter& adapter() {
  static const Fireworks kInstance;
  return kInstance;
}

}  // namespace weir::providers::fireworks
