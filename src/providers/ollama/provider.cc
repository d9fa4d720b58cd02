// Ollama: its native chat API. No batches, no prices, no key on a server of one's own.
#include "http/url.h"
#include "provider/sync_only.h"
#include "providers/ollama/embed.h"
#include "providers/ollama/wire.h"

namespace weir::providers::ollama {
namespace {

namespace chat = provider::openai_chat;

class Ollama final : public provider::SyncOnly<> {
 public:
  [[nodiscard]] std::string_view name() const override { return "ollama"; }

  [[nodiscard]] Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& response) const override {
    return decode_tool_calls(response.tool_calls_json);
  }

  // POST {base}/api/chat. x-client-request-id is for proxies and their logs: Ollama itself does not read it.
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    WEIR_TRY(auto body, encode_body(request));
    http::RequestPlan plan{.method = http::Method::kPost,
                           .target = http::join_path(call.credentials.base_path, "/api/chat"),
                           .headers = chat::bearer_headers(call.credentials, true),
                           .body = {}};
    plan.headers.add("x-client-request-id", std::string(call.attempt_id));
    plan.body.emplace_back(std::move(body));
    return plan;
  }

  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    return decode_answer(response, now);
  }

  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return ollama::stream_decoder();
  }

  [[nodiscard]] const provider::EmbeddingCodec* embeddings() const override { return &embedding_; }

  // GET {base}/api/tags: the models that are on the server. Free, and does not load any.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view /*model*/) const override {
    return {.method = http::Method::kGet,
            .target = http::join_path(credentials.base_path, "/api/tags"),
            .headers = chat::bearer_headers(credentials, false),
            .body = {}};
  }

 private:
  Embedding embedding_;
};

}  // namespace

const provider::Adapter& adapter() {
  static const Ollama kInstance;
  return kInstance;
}

}  // namespace weir::providers::ollama
