#include "judge.h"

#include <algorithm>
#include <queue>

#include "base/hash.h"
#include "base/random.h"
#include "sim/prompt_cache.h"
#include "sim/providers/anthropic/cache_control.h"

namespace weir::bench {
namespace {

namespace provider = sim::anthropic;

// Who starts when: workers take requests in order, and hold one back until the answer that it waits for has begun.
class Timeline {
 public:
  Timeline(std::size_t items, const Market& market) : market_(market), begun_(items, Time::max()) {
    for (std::size_t i = 0; i < market.workers; ++i) free_.push(Time{});
  }

  /// Nothing when the plan is impossible.
  std::optional<Time> start(const Send& send) {
    if (send.item >= begun_.size() || begun_[send.item] != Time::max()) return std::nullopt;
    if (send.stage < stage_) return std::nullopt;
    if (send.stage > stage_) {
      stage_ = send.stage;
      floor_ = last_end_;
    }
    Time at = std::max(free_.top(), floor_);
    free_.pop();
    if (send.waits_for != Send::kNobody) {
      if (begun_[send.waits_for] == Time::max()) return std::nullopt;
      at = std::max(at, begun_[send.waits_for]);
    }
    begun_[send.item] = at + market_.first_byte;
    const Time end = at + market_.answer;
    last_end_ = std::max(last_end_, end);
    free_.push(end);
    return at;
  }

 private:
  const Market& market_;
  std::vector<Time> begun_;
  std::priority_queue<Time, std::vector<Time>, std::greater<>> free_;
  Time floor_{}, last_end_{};
  std::uint32_t stage_ = 0;
};

std::uint64_t chained(std::uint64_t prefix, std::uint64_t block) {
  const std::array<std::uint64_t, 2> both{prefix, block};
  return hash64({reinterpret_cast<const char*>(both.data()), sizeof both});
}

provider::Prompt prompt_of(std::span<const BlockKey> item, const Send& send) {
  provider::Prompt prompt;
  std::uint64_t key = 1;
  for (const auto& block : item) {
    key = chained(key, block.hash);
    prompt.tokens += block.tokens;
    prompt.blocks.push_back({.key = key, .tokens = prompt.tokens});
  }
  for (std::uint32_t i = 0; i < send.marks_count; ++i)
    prompt.blocks[send.marks[i]].mark =
        send.hour ? provider::Ttl::kHour : provider::Ttl::kFiveMinutes;
  return prompt;
}

bool marks_fit(const Send& send, std::size_t blocks) {
  if (send.marks_count > send.marks.size()) return false;
  for (std::uint32_t i = 0; i < send.marks_count; ++i)
    if (send.marks[i] >= blocks || (i > 0 && send.marks[i] <= send.marks[i - 1])) return false;
  return true;
}

}  // namespace

Verdict judge(const Workload& workload, const std::vector<Send>& sends, const Market& market) {
  Verdict out;
  Timeline timeline(workload.items(), market);
  sim::PromptCache cache;
  SeededRandom random(market.seed);
  out.valid = sends.size() == workload.items();
  for (const auto& send : sends) {
    const auto start = timeline.start(send);
    if (!start || !marks_fit(send, workload.item(send.item).size())) {
      out.valid = false;
      return out;
    }
    const auto prompt = prompt_of(workload.item(send.item), send);
    const auto tokens = provider::use_cache(cache, prompt,
                                            {.start = *start,
                                             .first_byte = *start + market.first_byte,
                                             .tokens_min = market.prefix_min,
                                             .may_read = random.unit() < market.hit_rate});
    out.pico += static_cast<__int128>(tokens.input) * market.input +
                static_cast<__int128>(tokens.cache_read) * market.read +
                static_cast<__int128>(tokens.cache_write_5m) * market.write_5m +
                static_cast<__int128>(tokens.cache_write_1h) * market.write_1h;
    out.input += static_cast<std::uint64_t>(tokens.input);
    out.read += static_cast<std::uint64_t>(tokens.cache_read);
    out.written += static_cast<std::uint64_t>(tokens.cache_write_5m + tokens.cache_write_1h);
    ++out.requests;
    if (tokens.cache_read > 0) ++out.hits;
  }
  return out;
}

Verdict judge_automatic(const Workload& workload, const std::vector<Send>& sends,
                        const Market& market) {
  constexpr std::int64_t kStep = 128;
  constexpr Duration kIdleLife = std::chrono::minutes(5);  // the least that the provider promises
  Verdict out;
  Timeline timeline(workload.items(), market);
  sim::PromptCache cache;
  SeededRandom random(market.seed);
  for (const auto& send : sends) {
    const auto start = timeline.start(send);
    if (!start) {
      out.valid = false;
      return out;
    }
    auto prompt = prompt_of(workload.item(send.item), {});
    std::int64_t read = 0;
    const bool may_read = random.unit() < market.hit_rate;
    for (std::size_t i = prompt.blocks.size(); may_read && i-- > 0 && read == 0;)
      if (prompt.blocks[i].tokens >= market.prefix_min &&
          cache.find(prompt.blocks[i].key, *start) != nullptr)
        read = prompt.blocks[i].tokens / kStep * kStep;
    for (const auto& block : prompt.blocks) {
      cache.refresh(block.key, *start);
      cache.write(block.key, *start, *start + market.first_byte, kIdleLife);
    }
    out.pico += static_cast<__int128>(prompt.tokens - read) * market.input +
                static_cast<__int128>(read) * market.read;
    out.read += static_cast<std::uint64_t>(read);
    out.input += static_cast<std::uint64_t>(prompt.tokens - read);
    ++out.requests;
    if (read > 0) ++out.hits;
  }
  return out;
}

}  // namespace weir::bench
