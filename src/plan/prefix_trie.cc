#include "plan/prefix_trie.h"

#include <algorithm>
#include <numeric>

#include "base/result.h"

namespace weir::plan {
namespace {

constexpr std::uint32_t kNoTail = 0xFFFF'FFFF;
constexpr std::uint32_t kLast = 0x8000'0000;
constexpr std::size_t kSlotsMin = 1024;

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

std::uint32_t word_of(const BlockKey& block) {
  return static_cast<std::uint32_t>(mixed(block.hash) >> 33);
}

// A slot refers to a node (even) or to an item with a pending tail (odd); 0 is free, so everything is shifted by one.
std::uint32_t node_reference(std::uint32_t node) { return node * 2 + 2; }
std::uint32_t item_reference(std::uint32_t item) { return item * 2 + 3; }
bool is_item(std::uint32_t reference) { return reference % 2 == 1; }
std::uint32_t index_of(std::uint32_t reference) { return (reference - 2) / 2; }

}  // namespace

PrefixTrie::PrefixTrie(TrieLimits limits) : limits_(limits), slots_(kSlotsMin) {
  limits_.nodes_max = std::max<std::uint32_t>(limits_.nodes_max, 16);
  nodes_.emplace_back();
}

std::size_t PrefixTrie::home(std::uint32_t node, std::uint32_t word) const {
  const std::uint64_t key = mixed((std::uint64_t{node} << 32) | word);
  return static_cast<std::size_t>((static_cast<unsigned __int128>(key) * slots_.size()) >> 64);
}

std::uint32_t PrefixTrie::word_of(std::uint32_t reference) const {
  const auto at =
      is_item(reference) ? item_tail_[index_of(reference)] : nodes_[index_of(reference)].edge;
  return words_[at] & ~kLast;
}

std::uint32_t PrefixTrie::owner_of(std::uint32_t reference) const {
  return is_item(reference) ? item_node_[index_of(reference)] : nodes_[index_of(reference)].parent;
}

std::uint32_t* PrefixTrie::find(std::uint32_t node, std::uint32_t word) {
  for (std::size_t at = home(node, word);; at = at + 1 == slots_.size() ? 0 : at + 1) {
    const auto reference = slots_[at];
    if (reference == 0) return nullptr;
    if (word_of(reference) == word && owner_of(reference) == node) return &slots_[at];
  }
}

void PrefixTrie::insert(std::uint32_t reference) {
  // Three quarters full at most; half as much again, not double, because the table is most of what a small item costs.
  if (used_ * 4 >= slots_.size() * 3) {
    rebuild_slots(slots_.size() + slots_.size() / 2);
    return;  // what is inserted stands in the nodes and tails already, and came with them
  }
  std::size_t at = home(owner_of(reference), word_of(reference));
  while (slots_[at] != 0) at = at + 1 == slots_.size() ? 0 : at + 1;
  slots_[at] = reference;
  ++used_;
}

void PrefixTrie::rebuild_slots(std::size_t capacity) {
  slots_ = {};  // freed first: everything in it can be found again
  slots_.resize(capacity);
  used_ = 0;
  for (std::uint32_t i = 1; i < nodes_.size(); ++i) insert(node_reference(i));
  for (std::uint32_t i = 0; i < item_tail_.size(); ++i)
    if (item_tail_[i] != kNoTail) insert(item_reference(i));
}

void PrefixTrie::advance(Walk& walk, std::span<const BlockKey> blocks, std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i, ++walk.block) {
    walk.tokens += blocks[walk.block].tokens;
    walk.hash = mixed(walk.hash + 0x9E3779B97F4A7C15) ^ mixed(blocks[walk.block].hash);
  }
}

void PrefixTrie::add(std::span<const BlockKey> blocks) {
  if (nodes_.size() >= limits_.nodes_max) drop_least_valuable();
  for (const auto& block : blocks) prompt_tokens_ += block.tokens;
  const auto item = static_cast<std::uint32_t>(item_node_.size());
  item_node_.push_back(0);
  item_tail_.push_back(kNoTail);
  Walk walk;
  while (walk.block < blocks.size()) {
    auto* slot = find(walk.node, plan::word_of(blocks[walk.block]));
    if (slot == nullptr) break;
    if (is_item(*slot)) meet_item(walk, blocks, slot);
    else meet_node(walk, blocks, slot);
  }
  item_node_[item] = walk.node;
  ++nodes_[walk.node].direct;
  if (walk.block < blocks.size()) park(walk, blocks);
}

// The item that was just added goes on alone from here.
void PrefixTrie::park(const Walk& walk, std::span<const BlockKey> blocks) {
  const auto item = static_cast<std::uint32_t>(item_node_.size() - 1);
  item_tail_[item] = static_cast<std::uint32_t>(words_.size());
  auto count = blocks.size() - walk.block;
  if (count > 1 && words_.size() + count > limits_.tail_blocks_max) {
    count = 1;
    ++tails_cut_;
  }
  for (std::size_t i = 0; i < count; ++i)
    words_.push_back(plan::word_of(blocks[walk.block + i]) | (i + 1 == count ? kLast : 0));
  insert(item_reference(item));
}

// Another item was alone on this way: what both have becomes a node.
void PrefixTrie::meet_item(Walk& walk, std::span<const BlockKey> blocks, std::uint32_t* slot) {
  const auto other = index_of(*slot);
  const auto tail = item_tail_[other];
  std::uint32_t shared = 1;
  bool ended = (words_[tail] & kLast) != 0;
  while (!ended && walk.block + shared < blocks.size() &&
         (words_[tail + shared] & ~kLast) == plan::word_of(blocks[walk.block + shared])) {
    ended = (words_[tail + shared] & kLast) != 0;
    ++shared;
  }
  const auto parent = walk.node;
  advance(walk, blocks, shared);
  walk.node = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({.hash = walk.hash,
                    .parent = parent,
                    .tokens = walk.tokens,
                    .blocks = nodes_[parent].blocks + shared,
                    .edge = tail,
                    .direct = 1});
  --nodes_[parent].direct;
  *slot = node_reference(walk.node);
  item_node_[other] = walk.node;
  item_tail_[other] = ended ? kNoTail : tail + shared;
  if (!ended) insert(item_reference(other));
}

// A shared way: to its end, or to where this item leaves it, which becomes a node of its own.
void PrefixTrie::meet_node(Walk& walk, std::span<const BlockKey> blocks, std::uint32_t* slot) {
  const auto below = index_of(*slot);
  const auto edge = nodes_[below].edge;
  const auto length = nodes_[below].blocks - nodes_[walk.node].blocks;
  std::uint32_t shared = 1;
  while (shared < length && walk.block + shared < blocks.size() &&
         (words_[edge + shared] & ~kLast) == plan::word_of(blocks[walk.block + shared]))
    ++shared;
  const auto parent = walk.node;
  advance(walk, blocks, shared);
  if (shared == length) {
    walk.node = below;
    // The estimate of the first item stands: all items below a node agree on its tokens.
    walk.tokens = nodes_[below].tokens;
    return;
  }
  walk.node = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({.hash = walk.hash,
                    .parent = parent,
                    .tokens = walk.tokens,
                    .blocks = nodes_[parent].blocks + shared,
                    .edge = edge});
  *slot = node_reference(walk.node);
  nodes_[below].parent = walk.node;
  nodes_[below].edge = edge + shared;
  nodes_[below].tokens = std::max(nodes_[below].tokens, walk.tokens);
  insert(node_reference(below));
}

std::vector<std::uint32_t> PrefixTrie::deepest_first() const {
  std::vector<std::uint32_t> order(nodes_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return nodes_[a].blocks != nodes_[b].blocks ? nodes_[a].blocks > nodes_[b].blocks : a < b;
  });
  return order;  // the root has no blocks and is last
}

std::vector<std::uint32_t> PrefixTrie::items_below(
    const std::vector<std::uint32_t>& by_depth) const {
  std::vector<std::uint32_t> items(nodes_.size());
  for (const auto node : by_depth) {
    items[node] += nodes_[node].direct;
    if (node != 0) items[nodes_[node].parent] += items[node];
  }
  return items;
}

// A prefix saves what its repetitions would cost: (items - 1) x tokens beyond its parent's. Only ends of the trie can go; what is
// above them follows when it is as poor. At least an eighth goes, so that the work is paid for by as many items.
void PrefixTrie::drop_least_valuable() {
  const auto order = deepest_first();
  const auto items = items_below(order);
  std::vector<double> gain(nodes_.size());
  for (std::size_t i = 1; i < nodes_.size(); ++i)
    gain[i] = (items[i] - 1.0) * (double{1} * nodes_[i].tokens - nodes_[nodes_[i].parent].tokens);
  auto sorted = gain;
  std::sort(sorted.begin() + 1, sorted.end());
  std::vector<bool> dropped;
  for (const std::size_t quarter : {1, 2, 3, 4}) {
    const double limit = sorted[(sorted.size() - 1) * quarter / 4];
    dropped.assign(nodes_.size(), false);
    std::vector<bool> holds(nodes_.size(), false);  // it has a child that stays
    std::size_t count = 0;
    for (const auto node : order) {
      if (node == 0) continue;
      if (!holds[node] && gain[node] <= limit) {
        dropped[node] = true;
        ++count;
      } else {
        holds[nodes_[node].parent] = true;
      }
    }
    if (count * 8 >= nodes_.size()) break;
  }
  compact(dropped);
}

void PrefixTrie::compact(const std::vector<bool>& dropped) {
  // Parents may come after their children, so numbers are given first and the dropped ones led upwards afterwards.
  std::vector<std::uint32_t> number(nodes_.size());
  std::uint32_t kept = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (!dropped[i]) number[i] = kept++;
  nodes_dropped_ += nodes_.size() - kept;
  const auto kept_ancestor = [&](std::uint32_t node) {
    while (dropped[node]) node = nodes_[node].parent;
    return node;
  };
  for (std::uint32_t i = 0; i < item_node_.size(); ++i) {
    auto& node = item_node_[i];
    if (dropped[node]) {
      item_tail_[i] = kNoTail;
      --nodes_[node].direct;
      node = kept_ancestor(node);
      ++nodes_[node].direct;
    }
    node = number[node];
  }
  std::vector<Node> nodes;
  nodes.reserve(limits_.nodes_max);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (dropped[i]) continue;
    nodes.push_back(nodes_[i]);
    nodes.back().parent = number[nodes_[i].parent];  // a node that stays has a parent that stays
  }
  nodes_ = std::move(nodes);
  rebuild_slots(slots_.size());
}

std::size_t PrefixTrie::memory_bytes() const {
  return nodes_.capacity() * sizeof(Node) + item_node_.memory_bytes() + item_tail_.memory_bytes() +
         words_.memory_bytes() + slots_.capacity() * sizeof(std::uint32_t);
}

PrefixTree PrefixTrie::finish() {
  slots_ = {};
  words_.clear();
  item_tail_.clear();
  const auto count = nodes_.size();
  const auto order = deepest_first();
  const auto items = items_below(order);

  // Children in the order in which their first items came.
  std::vector<std::uint32_t> first(count, 0xFFFF'FFFF);
  for (std::uint32_t i = 0; i < item_node_.size(); ++i)
    first[item_node_[i]] = std::min(first[item_node_[i]], i);
  for (const auto node : order)
    first[nodes_[node].parent] = std::min(first[nodes_[node].parent], first[node]);
  std::vector<std::uint32_t> by_first(count);
  std::iota(by_first.begin(), by_first.end(), 0);
  std::sort(by_first.begin(), by_first.end(), [&](std::uint32_t a, std::uint32_t b) {
    return first[a] != first[b] ? first[a] > first[b] : a > b;
  });
  std::vector<std::uint32_t> child(count), sibling(count);  // 0: none; the root is nobody's child
  for (const auto node : by_first) {
    if (node == 0) continue;
    sibling[node] = child[nodes_[node].parent];
    child[nodes_[node].parent] = node;
  }

  PrefixTree tree;
  tree.nodes.reserve(count);
  std::vector<std::uint32_t> number(count), stack{0};
  while (!stack.empty()) {
    const auto node = stack.back();
    stack.pop_back();
    const auto& from = nodes_[node];
    number[node] = static_cast<std::uint32_t>(tree.nodes.size());
    tree.nodes.push_back({.hash = from.hash,
                          .parent = number[from.parent],
                          .tokens = from.tokens,
                          .blocks = from.blocks,
                          .direct = from.direct,
                          .items = items[node]});
    // Last in, first out: the sibling waits while the child's subtree is numbered.
    if (node != 0 && sibling[node] != 0) stack.push_back(sibling[node]);
    if (child[node] != 0) stack.push_back(child[node]);
  }
  for (std::size_t i = count; i-- > 0;) {
    auto& node = tree.nodes[i];
    node.end = std::max(node.end, static_cast<std::uint32_t>(i + 1));
    if (i > 0) tree.nodes[node.parent].end = std::max(tree.nodes[node.parent].end, node.end);
  }
  for (std::size_t i = 0; i < item_node_.size(); ++i) item_node_[i] = number[item_node_[i]];
  tree.item_node = std::move(item_node_);
  tree.prompt_tokens = prompt_tokens_;
  tree.nodes_dropped = nodes_dropped_;
  tree.tails_cut = tails_cut_;
  *this = PrefixTrie(limits_);
  return tree;
}

}  // namespace weir::plan
