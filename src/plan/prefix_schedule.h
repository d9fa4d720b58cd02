#pragma once
// In which order the items go, and which request writes which of the chosen prefixes: depth-first, so that equal prefixes are together,
// and within the limits of one request (breakpoints, look-back). Pure.
//
// A position is a place in depth-first order. A chosen prefix is written by one item, the writer; every item after it reads.
// A request has few breakpoints, and the first item below a long chain of chosen prefixes cannot write all of them: it writes those
// whose absence would cost most, and the others are left to the next item that passes. Children are ordered so that such chains stay
// short: items that end at a prefix go before the ones that go on from it.
#include <cstdint>
#include <vector>

#include "plan/prefix_choice.h"

namespace weir::plan {

struct Schedule {
  static constexpr std::uint32_t kNever = 0xFFFF'FFFF;
  std::vector<std::uint32_t> begin;    // by node: the first position of its subtree
  std::vector<std::uint32_t> writer;   // by node: the position that writes it; kNever: none
  std::vector<std::uint32_t> nearest;  // by node: itself or the next chosen ancestor; 0: none
  std::vector<std::uint32_t> item_at;  // by position
  double saved = 0;                 // pico-dollars against no cache, within the limits of a request
  std::uint64_t left_to_later = 0;  // writes that found no breakpoint free
};

/// O(items + nodes), and a little for every write that does not fit.
Schedule make_schedule(const PrefixTree& tree, const PrefixChoice& choice,
                       const PrefixSettings& settings);

/// What the item at a position does: from the tree and the writers, nothing is stored by item.
struct ItemUse {
  std::uint32_t reads = 0;            // node; 0: nothing was written before it
  std::vector<std::uint32_t> writes;  // nodes, deepest first
};
ItemUse use_at(const PrefixTree& tree, const Schedule& schedule, std::uint32_t position);

}  // namespace weir::plan
