#pragma once
// One message: cache, answer, usage, price. The same for a sync request and for a row of a batch.
#include <cstdint>
#include <string>
#include <vector>

#include "sim/generate.h"
#include "sim/providers/anthropic/cache_control.h"
#include "sim/providers/anthropic/message_request.h"

namespace weir::sim::anthropic {

struct MessageContext {
  std::string account;
  Time start;
  std::uint64_t number = 0;  // what chance is drawn for: the request, or the batch and the row
  bool batch = false;
  bool may_read_cache = true;
};

struct MessageAnswer {
  std::string id;
  std::string tool;
  Generated generated;
  TokenBuckets tokens;
  Latency latency;
  std::int64_t pico_usd = 0;
  const ModelRow* row = nullptr;
  bool batch = false;
  bool geo_us = false;
  bool warmed_only = false;  // max_tokens 0
};

class Messages {
 public:
  Messages(World& world, const PriceTable& prices) : world_(world), prices_(prices) {}

  /// @error 400 the prompt is longer than the model's context.
  Checked<MessageAnswer> complete(const MessageRequest& request, const MessageContext& context);
  /// Tokens of the prompt, as complete() counts them.
  std::int64_t count(const MessageRequest& request);
  [[nodiscard]] const PriceTable& prices() const { return prices_; }

 private:
  World& world_;
  const PriceTable& prices_;
};

/// The Message object.
std::string message_body(const MessageAnswer& answer);
/// message_start, content_block_*, message_delta, message_stop.
std::vector<Piece> message_stream(const MessageAnswer& answer);

}  // namespace weir::sim::anthropic
