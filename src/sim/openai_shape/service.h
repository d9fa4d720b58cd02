#pragma once
// What every provider of the OpenAI shape answers alike: chat completions, embeddings where the folder has models of them
// (embeddings.json), the list of models, errors, headers. A provider derives from it, names its Traits, and handles the rest of its paths in `handle_more`.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.h"
#include "json/value.h"
#include "sim/openai_shape/chat.h"
#include "sim/openai_shape/embeddings.h"
#include "sim/provider.h"

namespace weir::sim::openai_shape {

/// "/v1/files/ID/content" -> "ID" and "/content"; nothing when the path is not below the prefix.
struct Tail {
  std::string_view id, rest;
};
std::optional<Tail> tail_of(std::string_view path, std::string_view prefix);

/// The key of `Authorization: Bearer KEY`.
std::optional<std::string_view> bearer_key(const http::Request& request);

class Service : public Provider {
 public:
  /// @param files the folder's embedded files, of which prices.json is read
  Service(const Traits& traits, std::vector<EmbeddedFile> files)
      : traits_(traits), files_of_folder_(std::move(files)) {}

  [[nodiscard]] std::string_view name() const override { return traits_.provider; }
  /// Ahead of /chat/completions, where the chat has that place.
  [[nodiscard]] std::string_view base_path() const override {
    constexpr std::string_view kChat = "/chat/completions";
    auto path = traits_.chat_path;
    if (!path.ends_with(kChat)) return "";
    path.remove_suffix(kChat.size());
    return path;
  }
  Result<void> start(World& world) override;
  [[nodiscard]] std::optional<std::string_view> key_of(
      const http::Request& request) const override {
    return bearer_key(request);
  }
  [[nodiscard]] Operation operation(const Call& call) const override;
  void advance(Time /*now*/) override {}
  Reply handle(Call& call) override;
  [[nodiscard]] Reply error(const Call& call, int status, std::string_view message) const override;
  void add_headers(const Call& call, const RateState& rate, http::Headers& headers) const override;
  void write_state(json::Writer& /*out*/) const override {}

 protected:
  /// Once the world is there: makes what the provider has besides.
  virtual void started() {}
  /// Names what is not a chat completion or a model.
  [[nodiscard]] virtual Operation operation_more(const Call& call) const;
  /// Answers what is not a chat completion or a model.
  virtual Reply handle_more(Call& call);
  [[nodiscard]] Reply not_a_path(const Call& call) const;

  const Traits& traits_;
  World* world_ = nullptr;
  PriceTable prices_;
  EmbeddingTable embeddings_;
  json::Parser parser_;
  std::unique_ptr<Chat> chat_;

 private:
  Reply chat(Call& call);
  Reply embed(Call& call);
  [[nodiscard]] bool is_embedding(const Call& call) const {
    return call.path == traits_.embedding.path && !embeddings_.rows().empty();
  }
  Reply responses(Call& call);
  Reply answer(Call& call, const ChatRequest& request);
  [[nodiscard]] bool is_responses(std::string_view path) const {
    return !traits_.responses_path.empty() && path == traits_.responses_path;
  }
  [[nodiscard]] Reply models() const;
  [[nodiscard]] Reply model(std::string_view id) const;
  [[nodiscard]] std::string model_json(std::string_view id) const;

  std::vector<EmbeddedFile> files_of_folder_;
};

/// x-ratelimit-{limit,remaining,reset}-requests, as OpenAI writes them.
void add_rate_headers(const RateState& rate, http::Headers& headers);

}  // namespace weir::sim::openai_shape
