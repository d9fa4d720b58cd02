#include "plan/prefix_trie.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "base/random.h"
#include "plan/prefix_bound.h"

namespace weir::plan {
namespace {

using Item = std::vector<BlockKey>;
using Items = std::vector<Item>;

PrefixTree tree_from(const Items& items, TrieLimits limits = {}) {
  PrefixTrie trie(limits);
  for (const auto& item : items) trie.add(item);
  return trie.finish();
}

// Blocks from a small alphabet: much is shared, at every depth.
Items random_items(SeededRandom& random, std::size_t count) {
  Items items(count);
  const auto letters = 1 + random.below(5), longest = random.below(9);
  for (auto& item : items)
    for (std::uint64_t b = 0, blocks = random.below(longest + 1); b < blocks; ++b) {
      const auto letter = random.below(letters);
      item.push_back(
          {letter * 100 + b, static_cast<std::uint32_t>(1 + (letter * 31 + b * 17) % 90)});
    }
  return items;
}

// How many items have each prefix, the slow way.
std::map<std::vector<std::uint64_t>, std::size_t> prefixes_of(const Items& items) {
  std::map<std::vector<std::uint64_t>, std::size_t> count;
  for (const auto& item : items) {
    std::vector<std::uint64_t> prefix;
    for (const auto& block : item) {
      prefix.push_back(block.hash);
      ++count[prefix];
    }
  }
  return count;
}

TEST(PrefixTrie, NodesOnlyForWhatTwoItemsShare) {
  const auto tree = tree_from(
      {{{1, 2000}, {2, 10}}, {{1, 2000}, {3, 10}, {4, 5}}, {{1, 2000}, {3, 10}, {5, 5}}, {{9, 7}}});
  ASSERT_EQ(tree.nodes.size(), 3U);
  EXPECT_EQ(tree.nodes[1].tokens, 2000U);
  EXPECT_EQ(tree.nodes[1].items, 3U);
  EXPECT_EQ(tree.nodes[1].direct, 1U);
  EXPECT_EQ(tree.nodes[2].tokens, 2010U);
  EXPECT_EQ(tree.nodes[2].blocks, 2U);
  EXPECT_EQ(tree.nodes[2].direct, 2U);
  EXPECT_EQ(tree.nodes[0].direct, 1U);
  EXPECT_EQ(tree.nodes[0].items, 4U);
  EXPECT_EQ(tree.prompt_tokens, 3U * 2000 + 10 + 15 + 15 + 7);
}

TEST(PrefixTrie, EmptyItemsAndNoItems) {
  EXPECT_EQ(tree_from({}).nodes.size(), 1U);
  const auto tree = tree_from({{}, {}, {{1, 1}}});
  EXPECT_EQ(tree.nodes.size(), 1U);
  EXPECT_EQ(tree.nodes[0].items, 3U);
}

TEST(PrefixTrie, EqualItemsShareAllOfThem) {
  const auto tree = tree_from({{{1, 5}, {2, 6}}, {{1, 5}, {2, 6}}, {{1, 5}}});
  ASSERT_EQ(tree.nodes.size(), 3U);
  EXPECT_EQ(tree.nodes[2].direct, 2U);
  EXPECT_EQ(tree.nodes[1].direct, 1U);
}

TEST(PrefixTrie, TheSameHashForTheSamePrefixWhateverTheOrder) {
  const Items items{
      {{1, 5}, {2, 6}}, {{1, 5}, {2, 6}, {3, 1}}, {{1, 5}, {4, 6}}, {{1, 5}, {2, 6}, {3, 1}}};
  Items turned(items.rbegin(), items.rend());
  const auto hashes = [](const PrefixTree& tree) {
    std::map<std::uint64_t, std::uint32_t> out;
    for (const auto& node : tree.nodes) out[node.hash] = node.items;
    return out;
  };
  EXPECT_EQ(hashes(tree_from(items)), hashes(tree_from(turned)));
}

RC_GTEST_PROP(PrefixTrieProperty, CountsWhatASlowCountCounts, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto items = random_items(random, random.below(120));
  const auto slow = prefixes_of(items);
  const auto tree = tree_from(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    // The longest shared prefix of each item, and how many share it.
    std::vector<std::uint64_t> prefix;
    std::size_t blocks = 0, sharing = 0, tokens = 0, all = 0;
    for (const auto& block : items[i]) {
      prefix.push_back(block.hash);
      all += block.tokens;
      if (slow.at(prefix) < 2) break;
      blocks = prefix.size();
      sharing = slow.at(prefix);
      tokens = all;
    }
    const auto& node = tree.nodes[tree.item_node[i]];
    RC_ASSERT(node.blocks == blocks);
    RC_ASSERT(node.tokens == tokens);
    RC_ASSERT(blocks == 0 || node.items == sharing);
  }
  std::size_t direct = 0;
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
    const auto& node = tree.nodes[i];
    const auto& parent = tree.nodes[node.parent];
    RC_ASSERT(node.parent < i && node.end <= parent.end && node.items >= 2);
    RC_ASSERT(node.blocks > parent.blocks);
    direct += node.direct;
  }
  RC_ASSERT(direct + tree.nodes[0].direct == items.size());
}

// A bound of each edge by itself, the slow way: prefixes of at least the minimum, the first one with all before it.
RC_GTEST_PROP(PrefixBoundProperty, IsWhatASlowSumGives, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto items = random_items(random, random.below(60));
  PrefixSettings settings;
  settings.mode = catalogue::CacheMode::kBreakpoints;
  settings.input = {100};
  settings.read = {10};
  settings.ttls = {{.write = Price{125}}};
  settings.prefix_min = Tokens{static_cast<std::int64_t>(random.below(150))};
  const auto slow = prefixes_of(items);
  std::map<std::vector<std::uint64_t>, std::int64_t> edge;
  std::int64_t expected = 0;
  for (const auto& item : items) {
    std::vector<std::uint64_t> prefix;
    std::int64_t all = 0, before = 0;
    for (const auto& block : item) {
      prefix.push_back(block.hash);
      all += block.tokens;
      expected += 100 * block.tokens;
      if (all < settings.prefix_min.count) continue;
      edge[prefix] = all - before;
      before = all;
    }
  }
  for (const auto& [prefix, tokens] : edge) {
    const auto count = static_cast<std::int64_t>(slow.at(prefix));
    const auto cached = tokens * (125 + (count - 1) * 10);
    expected -= std::max<std::int64_t>(0, tokens * count * 100 - cached);
  }
  const auto bound = bound_tokens(tree_from(items), settings);
  // Blocks of one edge have the same items, so the tree's fewer edges give the same sum.
  RC_ASSERT(bound_cost(bound, settings).pico == expected);
}

TEST(PrefixTrie, ManyItemsThroughEveryGrowthOfTheTable) {
  PrefixTrie trie;
  SeededRandom random(3);
  for (std::uint64_t i = 0; i < 60'000; ++i)
    trie.add({{{i % 50, 100}, {1000 + i % 5000, 50}, {random.next(), 20}}});
  EXPECT_LE(trie.memory_bytes(), 60'000 * 24U + 1'000'000U);
  const auto tree = trie.finish();
  EXPECT_EQ(tree.nodes.size(), 1U + 50 + 5000);
  for (const auto& node : tree.nodes)
    if (node.blocks == 2) {
      ASSERT_EQ(node.items, 12U);
    }
}

TEST(PrefixTrie, AtTheLimitThePrefixesThatSaveLeastAreForgotten) {
  PrefixTrie trie({.nodes_max = 64});
  for (std::uint64_t round = 0; round < 4; ++round)
    for (std::uint64_t i = 0; i < 500; ++i)  // 500 poor prefixes below a rich one
      trie.add(
          {{{1, 5000}, {100 + i, static_cast<std::uint32_t>(10 + i % 7)}, {round * 1000 + i, 3}}});
  EXPECT_LE(trie.nodes(), 64U);
  const auto tree = trie.finish();
  EXPECT_GT(tree.nodes_dropped, 0U);
  EXPECT_FALSE(tree.complete());
  ASSERT_GE(tree.nodes.size(), 2U);
  EXPECT_EQ(tree.nodes[1].tokens, 5000U);
  EXPECT_EQ(tree.nodes[1].items, 2000U);
  EXPECT_EQ(tree.items(), 2000U);
}

TEST(PrefixTrie, WithoutRoomForTailsTheFirstPrivateBlockIsStillCompared) {
  const Items items{{{1, 10}, {2, 10}, {3, 10}}, {{1, 10}, {2, 10}, {4, 10}}};
  const auto cut = tree_from(items, {.tail_blocks_max = 1});
  EXPECT_EQ(cut.tails_cut, 2U);
  EXPECT_EQ(cut.nodes[1].blocks, 1U);
  EXPECT_EQ(tree_from(items).nodes[1].blocks, 2U);
}

}  // namespace
}  // namespace weir::plan
