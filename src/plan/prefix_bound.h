#pragma once
// The lower bound of design.md 6 over the tree of prefixes: each distinct prefix above the minimum written once and then read where
// that is cheaper, all else at the base price; hits certain, TTL infinite, breakpoints free. Pure.
#include <cstdint>

#include "base/units.h"
#include "plan/prefix_settings.h"
#include "plan/prefix_trie.h"

namespace weir::plan {

/// Estimated prompt tokens by what they cost at least. Small enough to be kept with a job: the receipt scales them to the provider's
/// totals and prices them again.
struct BoundTokens {
  std::uint64_t written = 0, read = 0, base = 0;
  Price write;  // the cheapest that a write costs on this route
  bool complete =
      true;  // false: prefixes were forgotten for want of room, and the bound may be a little too high
  [[nodiscard]] std::uint64_t prompt() const { return written + read + base; }
};

/// O(nodes).
BoundTokens bound_tokens(const PrefixTree& tree, const PrefixSettings& settings);

/// The prompt side of the bound at these prices; outputs come on top. With `prompt_tokens`, scaled to what the provider counted.
MoneySum bound_cost(const BoundTokens& tokens, const PrefixSettings& settings);
MoneySum bound_cost(const BoundTokens& tokens, const PrefixSettings& settings,
                    std::uint64_t prompt_tokens);

}  // namespace weir::plan
