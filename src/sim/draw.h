#pragma once
// Chance without state: what is drawn depends on the seed and on what it is drawn for, not on how
// often anything was drawn before. So a lazily run batch gives the same rows however often it was
// polled.
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/random.h"
#include "base/time.h"

namespace weir::sim {

inline SeededRandom draw(std::uint64_t seed, std::string_view what, std::uint64_t a,
                         std::uint64_t b = 0) {
  const std::uint64_t mixed =
      hash64(what, seed) ^ (a * 0x9E3779B97F4A7C15) ^ (b * 0xC2B2AE3D27D4EB4F);
  SeededRandom random(mixed);
  (void)random.next();
  return random;
}

/// Uniform between two durations.
inline Duration draw_between(Random& random, Duration low, Duration high) {
  return low + Duration(static_cast<std::int64_t>(
                   random.below(static_cast<std::uint64_t>((high - low).count()) + 1)));
}

}  // namespace weir::sim
