#pragma once
// One answer of Converse: cache, text, usage, price. The same for a sync request and for a row of a batch.
#include <cstdint>
#include <string>
#include <vector>

#include "sim/generate.h"
#include "sim/providers/bedrock/converse_request.h"
#include "sim/providers/bedrock/prompt.h"

namespace weir::sim::bedrock {

struct Context {
  std::string account;
  Time start;
  std::uint64_t number = 0;  // what chance is drawn for: the request, or the batch and the row
  bool batch = false;
};

struct Answer {
  std::string call_id;
  std::string tool;
  Generated generated;
  TokenBuckets tokens;
  Latency latency;
  std::int64_t pico_usd = 0;
  const ModelRow* row = nullptr;
};

/// @error 400 the prompt is longer than the model's context.
Checked<Answer> converse(World& world, const ConverseRequest& request, const Context& context);

/// The answer as an object.
std::string answer_body(const Answer& answer);
/// messageStart, contentBlock…, messageStop, metadata, as frames.
std::vector<Piece> answer_stream(const Answer& answer);

}  // namespace weir::sim::bedrock
