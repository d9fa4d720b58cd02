#pragma once
// What a sequence of requests costs at the provider. The rules (minimum, at most four breakpoints, look-back of 20 blocks, TTL, an
// entry readable only once the answer that wrote it has begun) are the simulator's own, src/sim/providers/anthropic/cache_control.cc;
// nothing of src/plan's arithmetic is in here.
#include <array>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "workload.h"

namespace weir::bench {

struct Send {
  static constexpr std::uint32_t kNobody = 0xFFFF'FFFF;
  std::uint32_t item = 0;
  std::array<std::uint32_t, 4> marks{};  // block indexes, ascending
  std::uint32_t marks_count = 0;
  bool hour = false;                  // TTL of all marks
  std::uint32_t waits_for = kNobody;  // an item whose answer must have begun
  std::uint32_t stage = 0;  // nothing of a stage starts before all of the one before it ended
};

struct Market {
  // pico-dollars a token
  std::int64_t input = 2'000'000, read = 200'000, write_5m = 2'500'000, write_1h = 4'000'000;
  std::int64_t prefix_min = 1024;
  std::size_t workers = 16;
  Duration first_byte = std::chrono::milliseconds(900);
  Duration answer = std::chrono::milliseconds(2500);
  double hit_rate = 1;  // of a request whose prefix is there
  std::uint64_t seed = 1;
};

struct Verdict {
  __int128 pico = 0;
  std::uint64_t read = 0, written = 0, input = 0;
  std::uint64_t hits = 0, requests = 0;
  bool valid = true;  // each item once, no more than four marks, nobody waits for what comes later
};

Verdict judge(const Workload& workload, const std::vector<Send>& sends, const Market& market);

/// A provider that caches by itself, free of a write price, in steps of 128 tokens; marks are ignored.
Verdict judge_automatic(const Workload& workload, const std::vector<Send>& sends,
                        const Market& market);

}  // namespace weir::bench
