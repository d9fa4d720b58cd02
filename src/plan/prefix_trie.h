#pragma once
// The gathered items as a trie of block prefixes. A node is a prefix that at least two items share; what only one item has is
// kept as a pending tail (four bytes a block) until a second item comes along it, and never becomes a node otherwise.
//
// PrefixTrie grows item by item; PrefixTree is what is left of it once all items are in: nodes in preorder, nothing to search with.
// Owns all it holds; not thread-safe; no clock, no randomness: the same items in the same order give the same tree.
//
// Memory: an item costs 8 bytes, 4 for each block of its private tail, and about 6 for its place in the search table: 18 for an item
// of one private block. A node costs 32 bytes. Both are bounded by Limits. Time: O(blocks) an item.
//
// Blocks are compared by 31 bits of their hash below the same prefix. Of a million documents below one prefix, some two hundred
// pairs will be taken for equal: it costs each of them a write premium, and never an answer.
#include <cstdint>
#include <span>
#include <vector>

#include "plan/chunked_array.h"

namespace weir::plan {

/// One block of a request as the planner sees it. Whatever keeps two blocks apart at the provider (role, place in the request, kind)
/// must be part of the hash.
struct BlockKey {
  std::uint64_t hash = 0;
  std::uint32_t tokens = 0;  // estimated
};

/// All items of a job, as a tree in preorder. Node 0 is the empty prefix.
struct PrefixTree {
  struct Node {
    std::uint64_t hash = 0;    // of all blocks of the prefix: names it in PrefixStats
    std::uint32_t parent = 0;  // the root is its own
    std::uint32_t end = 0;     // the subtree is [this, end)
    std::uint32_t tokens = 0;  // of the whole prefix
    std::uint32_t blocks = 0;  // of the whole prefix
    std::uint32_t direct = 0;  // items that share nothing beyond it
    std::uint32_t items = 0;   // items below it, direct ones included
  };
  std::vector<Node> nodes;
  ChunkedArray<std::uint32_t> item_node;  // by item: the longest prefix that it shares
  std::uint64_t prompt_tokens = 0;        // of all items, shared and private
  std::uint64_t nodes_dropped = 0;        // prefixes forgotten for want of room
  std::uint64_t tails_cut = 0;            // items of which only the first private block was kept

  [[nodiscard]] std::size_t items() const { return item_node.size(); }
  [[nodiscard]] bool complete() const { return nodes_dropped == 0 && tails_cut == 0; }
  [[nodiscard]] std::size_t memory_bytes() const {
    return nodes.capacity() * sizeof(Node) + item_node.memory_bytes();
  }
};

struct TrieLimits {
  /// When it is reached, the prefixes that save least are forgotten. 8 MB.
  std::uint32_t nodes_max = 1U << 18;
  /// Blocks of private tails; above it only an item's first private block is kept. 16 MB.
  std::uint32_t tail_blocks_max = 1U << 22;
};

class PrefixTrie {
 public:
  explicit PrefixTrie(TrieLimits limits = {});

  /// The next item, in input order; at most 2^31 of them, and 2^32 tokens each. O(blocks), amortised.
  void add(std::span<const BlockKey> blocks);

  [[nodiscard]] std::size_t items() const { return item_node_.size(); }
  [[nodiscard]] std::size_t nodes() const { return nodes_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const;

  /// The finished tree; the trie is empty afterwards.
  PrefixTree finish();

 private:
  struct Node {
    std::uint64_t hash = 0;
    std::uint32_t parent = 0;
    std::uint32_t tokens = 0;
    std::uint32_t blocks = 0;
    std::uint32_t edge = 0;  // where in words_ the blocks after the parent's begin
    std::uint32_t direct = 0;
  };
  // Where the walk of one item stands.
  struct Walk {
    std::uint32_t node = 0;
    std::size_t block = 0;
    std::uint32_t tokens = 0;
    std::uint64_t hash = 0;
  };

  [[nodiscard]] std::size_t home(std::uint32_t node, std::uint32_t word) const;
  [[nodiscard]] std::uint32_t word_of(std::uint32_t reference) const;
  [[nodiscard]] std::uint32_t owner_of(std::uint32_t reference) const;
  std::uint32_t* find(std::uint32_t node, std::uint32_t word);
  void insert(std::uint32_t reference);
  void rebuild_slots(std::size_t capacity);
  void park(const Walk& walk, std::span<const BlockKey> blocks);
  void advance(Walk& walk, std::span<const BlockKey> blocks, std::size_t count) const;
  void meet_item(Walk& walk, std::span<const BlockKey> blocks, std::uint32_t* slot);
  void meet_node(Walk& walk, std::span<const BlockKey> blocks, std::uint32_t* slot);
  [[nodiscard]] std::vector<std::uint32_t> items_below(
      const std::vector<std::uint32_t>& by_depth) const;
  [[nodiscard]] std::vector<std::uint32_t> deepest_first() const;
  void drop_least_valuable();
  void compact(const std::vector<bool>& dropped);

  TrieLimits limits_;
  std::vector<Node> nodes_;
  ChunkedArray<std::uint32_t> item_node_;
  ChunkedArray<std::uint32_t> item_tail_;  // into words_; kNoTail when all of it is shared
  ChunkedArray<std::uint32_t> words_;      // 31 bits of a block's hash, 1 bit: last of its tail
  std::vector<std::uint32_t> slots_;       // open addressing; 0: free
  std::size_t used_ = 0;
  std::uint64_t prompt_tokens_ = 0, nodes_dropped_ = 0, tails_cut_ = 0;
};

}  // namespace weir::plan
