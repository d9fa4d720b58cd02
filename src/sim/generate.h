#pragma once
// One answer of the model: its text within the output limit, and how long it takes in virtual time.
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "sim/provider.h"

namespace weir::sim {

struct Generated {
  std::string text;
  std::int64_t tokens = 0;
  bool cut = false;  // the output limit ended it
};

/// @param limit output tokens; 0 or less means none at all.
Generated generate(World& world, const Ask& ask, std::int64_t limit);

/// 300-900 ms to the first byte, drawn from the seed, then 8 ms an output token.
struct Latency {
  Duration first_byte{0};
  Duration rest{0};
};
Latency latency_of(std::uint64_t seed, std::uint64_t sequence, std::int64_t output_tokens);

/// The text in pieces of about `tokens` tokens, as a stream sends it.
std::vector<std::string_view> stream_chunks(std::string_view text, std::int64_t tokens);

inline constexpr Duration kTokenTime = std::chrono::milliseconds(8);

}  // namespace weir::sim
