#pragma once
// One chat completion: cache, answer, usage, price. The same for a sync request and for a row of a
// batch.
#include <cstdint>
#include <string>
#include <vector>

#include "sim/generate.h"
#include "sim/openai_shape/chat_prompt.h"
#include "sim/openai_shape/chat_request.h"

namespace weir::sim::openai_shape {

/// Where and when a completion is asked for.
struct ChatContext {
  std::string account;
  Time start;
  std::uint64_t number = 0;  // what chance is drawn for: the request, or the batch and the row
  bool batch = false;
  bool may_read_cache = true;
  std::string_view affinity = {};  // the value of Traits::cache_affinity
};

struct ChatAnswer {
  std::string id;
  std::string model;
  std::string tier;
  std::string tool;
  std::string echo;  // as in the request
  std::int64_t created = 0;
  std::int64_t choices = 1;
  Generated generated;
  TokenBuckets tokens;  // output counts all choices
  Latency latency;
  std::int64_t pico_usd = 0;
  const ModelRow* row = nullptr;
};

class Chat {
 public:
  Chat(World& world, const PriceTable& prices, const Traits& traits)
      : world_(world), prices_(prices), traits_(traits), reader_(traits) {}

  /// @error 400 context_length_exceeded.
  Checked<ChatAnswer> complete(const ChatRequest& request, const ChatContext& context);
  [[nodiscard]] const PriceTable& prices() const { return prices_; }
  [[nodiscard]] const Traits& traits() const { return traits_; }

 private:
  void use_steps(const ChatRequest& request, const ChatContext& context, const ChatPrompt& prompt,
                 Time first_byte, TokenBuckets& tokens);
  void use_breakpoints(const ChatRequest& request, const ChatContext& context,
                       const ChatPrompt& prompt, Time first_byte, TokenBuckets& tokens);
  World& world_;
  const PriceTable& prices_;
  const Traits& traits_;
  PromptReader reader_;
};

/// The chat.completion object.
std::string completion_body(const Traits& traits, const ChatAnswer& answer);
std::string usage_json(const Traits& traits, const TokenBuckets& tokens);
std::string usage_json(const Traits& traits, const ChatAnswer& answer);
/// The stream of chat.completion.chunk events, ended by [DONE].
std::vector<Piece> completion_stream(const Traits& traits, const ChatAnswer& answer,
                                     bool include_usage);

}  // namespace weir::sim::openai_shape
