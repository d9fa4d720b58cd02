#include "plan/prefix_plan.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "base/random.h"

namespace weir::plan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Item = std::vector<BlockKey>;

PrefixSettings rules() {
  PrefixSettings s;
  s.mode = catalogue::CacheMode::kBreakpoints;
  s.input = {2'000'000};
  s.read = {200'000};
  s.ttls = {{llm::CacheTtl::k5m, 5min, {2'500'000}, 1.0}};
  s.prefix_min = Tokens{1024};
  return s;
}

PrefixTree tree_of(const std::vector<Item>& items, TrieLimits limits = {}) {
  PrefixTrie trie(limits);
  for (const auto& item : items) trie.add(item);
  return trie.finish();
}

TEST(PrefixTrie, NodesOnlyForWhatTwoItemsShare) {
  const auto tree = tree_of(
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

TEST(PrefixPlan, OneSharedPrefixIsWrittenOnceAndRead) {
  std::vector<Item> items;
  for (std::uint64_t i = 0; i < 100; ++i) items.push_back({{1, 2000}, {100 + i, 50}});
  const auto plan = PrefixPlan::make(tree_of(items), rules());
  EXPECT_EQ(plan.policy, llm::CachePolicy::kMarked);
  EXPECT_EQ(plan.estimate.expected.pico,
            2000LL * 2'500'000 + 99LL * 2000 * 200'000 + 100LL * 50 * 2'000'000);
  EXPECT_EQ(plan.estimate.expected.pico, plan.estimate.lower_bound.pico);
  EXPECT_EQ(plan.at(0).waits_for, Placement::kNobody);
  EXPECT_EQ(plan.at(5).waits_for, plan.at(0).item);
  EXPECT_EQ(plan.at(5).marks.count, 1U);
  EXPECT_EQ(plan.at(5).marks.block[0], 0U);
  EXPECT_THAT(plan.reasons, ::testing::Contains(HasSubstr("1 of 1 shared prefixes are marked")));
}

}  // namespace
}  // namespace weir::plan
