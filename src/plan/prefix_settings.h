#pragma once
// What the prefix planner knows of a provider's cache: rules, prices and expected hits, as plain values. Made from the catalogue by
// settings_for(), or by hand in tests and what-if. Immutable while a plan is made.
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"
#include "catalogue/catalogue.h"
#include "llm/types.h"

namespace weir::plan {

/// One time to live that a mark may ask for.
struct TtlOption {
  llm::CacheTtl ttl = llm::CacheTtl::kDefault;
  Duration life{};
  Price write;          // of one token, instead of the input price
  double hit_rate = 1;  // expected of a request whose prefix was written before
};

struct PrefixSettings {
  llm::Route route = llm::Route::kSync;
  catalogue::CacheMode mode =
      catalogue::CacheMode::kNone;  // kNone: nothing can be cached on this route
  Price input, read;                // of one token on this route
  std::vector<TtlOption> ttls;      // at least one, unless mode is kNone; kAutomatic uses the first
  bool writes_charged = false;      // the provider writes unasked and charges for it
  Tokens prefix_min{1024};          // shorter prefixes are silently not cached
  std::uint32_t step_tokens = 1;    // hits come in steps of so many tokens
  std::uint32_t breakpoints_max = 4;  // a request
  /// A breakpoint finds what ends at its own block or up to lookback_blocks - 1 blocks before it.
  std::uint32_t lookback_blocks = 20;
  /// Longest expected time between two uses of one prefix that follow each other in the order of the plan. A TTL that is shorter hits
  /// nothing. Sync fan-out: next to none; agents that wait for their tools: minutes.
  Duration use_gap{};
  /// The order is depth-first in windows of so many items; within a window those that write come first, so that their readers find
  /// something. Sync: about a quarter of the TTL's worth of sends. 0: depth-first throughout.
  std::uint32_t window_items = 512;
  /// Batch: a prefix of at least so many items is worth the wait for a small batch that writes it first. 0: never.
  std::uint32_t prime_items_min = 20;
  /// Batch: nobody can wait for an answer inside a batch, so a reader that stands fewer places behind its writer is expected to miss.
  std::uint32_t batch_abreast = 16;
  /// Observed hit rate of a prefix by its hash (PrefixStats), where there is one; overrides the option's.
  std::function<std::optional<double>(std::uint64_t)> observed;
};

/// The rules and prices of a model on a route. The hit rate of batches is `batch_hit_rate`, else the catalogue's.
PrefixSettings settings_for(const catalogue::Provider& provider, const catalogue::Model& model,
                            llm::Route route, Time now,
                            std::optional<double> batch_hit_rate = std::nullopt);

/// The hit rate below which a mark costs more than it saves; 0 where writes are free of a premium.
double break_even(const PrefixSettings& settings, const TtlOption& option);

}  // namespace weir::plan
