#pragma once
// Which prefixes of the tree are worth writing: the cheapest set in expectation, found by dynamic programming. Pure.
//
// The model. An item is read at the deepest chosen prefix u on its way, and so marked there. With probability h(u) it pays T(u) at
// the read price, else all of T(u) is written again; what lies behind u is input. The first item below u finds only u's chosen
// ancestor a. So a set S costs, against no cache,
//     sum over u in S of  direct(u) * ((w - i) T(u) - (w - r) h(u) T(u))  +  (w - r) (h(u) T(u) - h(a) T(a))
// where direct(u) are the items whose deepest chosen prefix is u. Marking an inner prefix therefore changes what the outer ones pay:
// both terms are in it. The limits of one request (breakpoints, look-back) are the schedule's business (prefix_schedule.h).
#include <cstdint>
#include <vector>

#include "plan/prefix_settings.h"
#include "plan/prefix_trie.h"

namespace weir::plan {

/// Prices and hits in pico-dollars a token, as the planner calculates with them.
struct PrefixTerms {
  double input = 0, read = 0, write = 0, hit_rate = 0;
  TtlOption option;
};
PrefixTerms terms_of(const PrefixSettings& settings, const TtlOption& option);

struct PrefixChoice {
  PrefixTerms terms;
  std::vector<bool> chosen;  // by node
  std::vector<double>
      expected;  // by node: tokens that a request reads here in expectation, h(u) T(u); 0 where nothing can be cached
  double saved =
      0;  // pico-dollars against no cache, without the limits of one request; never negative
  std::uint32_t count = 0;  // chosen nodes
};

/// The optimum for one TTL. O(nodes x 9) time.
/// Exact where hit rates are the same everywhere (the set is then closed upwards); with rates by prefix, exact among the sets in which
/// a chosen prefix has at most 7 cacheable ones between itself and its next chosen ancestor.
/// @param ruled_out by node, or empty: nodes that must not be chosen.
PrefixChoice choose_prefixes(const PrefixTree& tree, const PrefixSettings& settings,
                             const TtlOption& option, const std::vector<bool>& ruled_out = {});

}  // namespace weir::plan
