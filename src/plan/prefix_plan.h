#pragma once
// The cache planner over many prefixes: gathered items in, out come the order to send them in, the marks of each, what is written
// first, what is expected, and why. Pure; a plan owns what it holds and may be read from several threads.
//
//   PrefixTrie trie;
//   for (item : items) trie.add(blocks_of(item));           // in input order
//   const auto tree = trie.finish();
//   const auto estimate = estimate_prefixes(tree, settings); // by route, to choose one
//   const auto plan = PrefixPlan::make(std::move(tree), settings);
//   for (std::size_t k = 0; k < plan.size(); ++k) { const Placement place = plan.at(k); … }
//
// Memory: 12 bytes an item (16 while it is made) and about 50 a shared prefix. Time: well under a second per 100,000 items.
//
// A caller that keeps to the plan:
//  - sends in the order of k;
//  - sync: holds an item back until the answer to `waits_for` has begun (or failed: then it is sent nevertheless);
//  - batch: sends stage 0, waits until it ended, then stage 1, and so on (at most kStagesMax of them before the bulk);
//  - sets the marks with the plan's TTL, and where the policy is kSuppressed keeps the provider from writing.
// A plan is advice about money: not keeping to it costs cache hits, never an answer.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "plan/prefix_bound.h"
#include "plan/prefix_schedule.h"
#include "plan/prefix_settings.h"
#include "plan/prefix_trie.h"

namespace weir::plan {

struct PrefixEstimate {
  MoneySum uncached;  // prompt side, on this route
  MoneySum expected;  // never above uncached
  BoundTokens bound;
  MoneySum lower_bound;
  std::uint32_t prefixes = 0;  // worth writing
  double hit_rate = 0, hit_rate_break_even = 0;
  llm::CacheTtl ttl = llm::CacheTtl::kDefault;
};

/// What caching is worth on this route, without an order: a little optimistic where more prefixes nest than a request has breakpoints.
PrefixEstimate estimate_prefixes(const PrefixTree& tree, const PrefixSettings& settings);

/// Up to four breakpoints: indexes of blocks, 0 is the item's first, ascending.
struct Marks {
  static constexpr std::size_t kMax = 4;
  std::array<std::uint32_t, kMax> block{};
  std::uint32_t count = 0;
};

struct Placement {
  static constexpr std::uint32_t kNobody = 0xFFFF'FFFF;
  std::uint32_t item = 0;  // index in input order
  Marks marks;
  std::uint32_t waits_for = kNobody;  // the item that writes what this one reads
  std::uint32_t stage = 0;            // batch: 0 unless something is primed
  std::uint64_t prefix =
      0;  // hash of the longest chosen prefix: a cache key, and its name in PrefixStats; 0: none
};

/// A prefix that is written ahead of its readers.
struct Prime {
  std::uint32_t item = 0;   // that writes it
  std::uint32_t stage = 0;  // batch
  std::uint64_t prefix = 0;
  std::uint32_t tokens = 0, items = 0;
};

class PrefixPlan {
 public:
  /// Prefixes that a batch job primes by small batches; each stage is one wait, so few of them.
  static constexpr std::size_t kPrimesMax = 64;
  static constexpr std::uint32_t kStagesMax = 2;
  static constexpr std::size_t kReasonsMax = 16;

  static PrefixPlan make(PrefixTree tree, const PrefixSettings& settings);

  llm::CachePolicy policy = llm::CachePolicy::kUntouched;
  llm::CacheTtl ttl = llm::CacheTtl::kDefault;
  PrefixEstimate estimate;           // with the limits of a request counted in
  std::vector<Prime> primes;         // by stage; sync: the most valuable ones, for display
  std::uint32_t stages = 1;          // batch: primes first, the bulk last
  std::vector<std::string> reasons;  // why, in plain words

  [[nodiscard]] std::size_t size() const { return tree_.items(); }
  /// The k-th request to send. Each item comes once. O(chosen prefixes on its way), a handful.
  [[nodiscard]] Placement at(std::size_t k) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  void arrange(const PrefixSettings& settings, const PrefixChoice& choice);
  double late_readers(const PrefixSettings& settings, const PrefixChoice& choice,
                      std::vector<bool>& ruled_out) const;
  void order_in_windows(std::uint32_t window);
  void choose_primes(const PrefixSettings& settings, const PrefixChoice& choice);
  void order_by_stage();
  void explain(const PrefixSettings& settings, const PrefixChoice& choice);
  [[nodiscard]] std::uint32_t stage_of(std::uint32_t position) const;
  [[nodiscard]] Marks marks_of(const ItemUse& use, std::uint32_t position) const;

  PrefixTree tree_;
  Schedule schedule_;
  std::vector<std::uint32_t> order_;            // rank to position; empty: the same
  std::vector<std::uint32_t> prime_positions_;  // ascending
  std::vector<std::uint32_t> prime_stages_;     // of those
  std::uint32_t marks_max_ = 0;
};

}  // namespace weir::plan
