#include "plan/prefix_plan.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/random.h"
#include "plan/exact_testing.h"

namespace weir::plan {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using Item = std::vector<BlockKey>;
using Items = std::vector<Item>;

constexpr std::int64_t kInput = 2'000'000, kRead = 200'000, kWrite = 2'500'000, kHour = 4'000'000;

PrefixSettings rules() {
  PrefixSettings s;
  s.mode = catalogue::CacheMode::kBreakpoints;
  s.input = {kInput};
  s.read = {kRead};
  s.ttls = {{llm::CacheTtl::k5m, 5min, {kWrite}, 1.0}, {llm::CacheTtl::k1h, 1h, {kHour}, 1.0}};
  s.prefix_min = Tokens{1024};
  return s;
}
PrefixSettings batch_rules(double hit_rate) {
  auto s = rules();
  s.route = llm::Route::kBatch;
  s.ttls = {{llm::CacheTtl::k1h, 1h, {kHour}, hit_rate}};
  return s;
}

PrefixPlan plan_of(const Items& items, const PrefixSettings& settings) {
  PrefixTrie trie;
  for (const auto& item : items) trie.add(item);
  return PrefixPlan::make(trie.finish(), settings);
}

Items shared(std::size_t count, std::uint32_t tokens) {
  Items items;
  for (std::uint64_t i = 0; i < count; ++i) items.push_back({{1, tokens}, {100 + i, 50}});
  return items;
}

std::vector<Sent> sent(const PrefixPlan& plan) {
  std::vector<Sent> out;
  for (std::size_t k = 0; k < plan.size(); ++k) {
    const auto place = plan.at(k);
    out.push_back(
        {place.item, {place.marks.block.begin(), place.marks.block.begin() + place.marks.count}});
  }
  return out;
}

TEST(PrefixPlan, OneSharedPrefixIsWrittenOnceAndRead) {
  const auto plan = plan_of(shared(100, 2000), rules());
  EXPECT_EQ(plan.policy, llm::CachePolicy::kMarked);
  EXPECT_EQ(plan.ttl, llm::CacheTtl::k5m);
  EXPECT_EQ(plan.estimate.expected.pico, 2000 * kWrite + 99 * 2000 * kRead + 100 * 50 * kInput);
  EXPECT_EQ(plan.estimate.expected.pico, plan.estimate.lower_bound.pico);
  EXPECT_EQ(plan.at(0).waits_for, Placement::kNobody);
  EXPECT_EQ(plan.at(5).waits_for, plan.at(0).item);
  EXPECT_EQ(plan.at(5).marks.count, 1U);
  EXPECT_EQ(plan.at(5).marks.block[0], 0U);
  EXPECT_THAT(plan.reasons, Contains(HasSubstr("1 of 1 shared prefix is marked")));
}

TEST(PrefixPlan, BelowTheMinimumNothingIsMarked) {
  const auto plan = plan_of(shared(100, 1023), rules());
  EXPECT_EQ(plan.policy, llm::CachePolicy::kUntouched);
  EXPECT_EQ(plan.estimate.expected.pico, plan.estimate.uncached.pico);
  EXPECT_THAT(plan.reasons, Contains(HasSubstr("shorter than 1024 tokens")));
  for (std::size_t k = 0; k < plan.size(); ++k) {
    ASSERT_EQ(plan.at(k).item, k);  // no reason to leave input order
    ASSERT_EQ(plan.at(k).marks.count, 0U);
  }
}

TEST(PrefixPlan, WithoutACacheOrWithoutSharingItSaysSo) {
  auto none = rules();
  none.mode = catalogue::CacheMode::kNone;
  EXPECT_THAT(plan_of(shared(9, 5000), none).reasons, Contains(HasSubstr("no prompt cache")));
  EXPECT_THAT(plan_of({{{1, 5000}}, {{2, 5000}}}, rules()).reasons,
              Contains(HasSubstr("no two items")));
}

// Two readers of an hour's write do not pay for it: 2.0 + 0.1 > 2; three do.
TEST(PrefixPlan, AnHourNeedsThreeItemsAndFiveMinutesTwo) {
  EXPECT_EQ(plan_of(shared(2, 5000), rules()).policy, llm::CachePolicy::kMarked);
  auto hour = rules();
  hour.ttls.erase(hour.ttls.begin());
  EXPECT_EQ(plan_of(shared(2, 5000), hour).policy, llm::CachePolicy::kUntouched);
  EXPECT_EQ(plan_of(shared(3, 5000), hour).policy, llm::CachePolicy::kMarked);
}

TEST(PrefixPlan, TheTtlOutlivesTheGap) {
  auto settings = rules();
  settings.use_gap = 10min;
  const auto plan = plan_of(shared(50, 5000), settings);
  EXPECT_EQ(plan.ttl, llm::CacheTtl::k1h);
  EXPECT_THAT(plan.reasons, Contains(HasSubstr("TTL 1h")));
  settings.use_gap = 2h;
  EXPECT_EQ(plan_of(shared(50, 5000), settings).policy, llm::CachePolicy::kUntouched);
}

// Tenants with a few items each: a common part, a tenant's part, a document.
Items tenants(std::size_t count, std::size_t each) {
  Items items;
  for (std::uint64_t i = 0; i < count * each; ++i)
    items.push_back({{1, 2000}, {10 + i % count, 1500}, {100'000 + i, 80}});
  return items;
}

TEST(PrefixPlan, NestedPrefixesAreReadFromEachOther) {
  const auto plan = plan_of(tenants(10, 8), rules());
  EXPECT_EQ(plan.estimate.prefixes, 11U);
  EXPECT_EQ(plan.estimate.expected.pico, plan.estimate.lower_bound.pico);
  EXPECT_EQ(plan.estimate.expected.pico, 2000 * kWrite + 79 * 2000 * kRead +
                                             10 * (1500 * kWrite + 7 * 1500 * kRead) +
                                             80 * 80 * kInput);
  EXPECT_EQ(plan.at(0).marks.count, 2U);
}

TEST(PrefixPlan, BelowBreakEvenNothingIsMarkedAndItIsNeverDearer) {
  for (const double rate : {0.0, 0.2, 0.4, 0.52, 0.54, 0.7, 1.0}) {
    const auto plan = plan_of(shared(1000, 3000), batch_rules(rate));
    EXPECT_EQ(plan.policy == llm::CachePolicy::kMarked, rate > 0.53) << rate;
    EXPECT_LE(plan.estimate.expected.pico, plan.estimate.uncached.pico);
  }
}

TEST(PrefixPlan, WhereWritesAreChargedUnaskedTheyAreSuppressed) {
  auto settings = rules();
  settings.writes_charged = true;
  EXPECT_EQ(plan_of({{{1, 5000}}, {{2, 5000}}}, settings).policy, llm::CachePolicy::kSuppressed);
  EXPECT_EQ(plan_of(shared(9, 5000), settings).policy, llm::CachePolicy::kMarked);
}

TEST(PrefixPlan, AnAutomaticCacheGetsAnOrderAndNoMarks) {
  auto settings = rules();
  settings.mode = catalogue::CacheMode::kAutomatic;
  settings.breakpoints_max = 0;
  settings.ttls = {{llm::CacheTtl::kDefault, 5min, {kInput}, 1.0}};
  settings.step_tokens = 128;
  settings.window_items = 0;
  const auto plan = plan_of(tenants(5, 4), settings);
  EXPECT_EQ(plan.policy, llm::CachePolicy::kUntouched);
  // The first item reads nothing, four the common part (15 steps), the rest their tenant's (27 steps).
  const auto read = 4 * 15 * 128 + 15 * 27 * 128;
  EXPECT_EQ(plan.estimate.expected.pico, plan.estimate.uncached.pico - read * (kInput - kRead));
  std::vector<std::uint32_t> tenant;
  for (std::size_t k = 0; k < plan.size(); ++k) {
    EXPECT_EQ(plan.at(k).marks.count, 0U);
    tenant.push_back(plan.at(k).item % 5);
  }
  EXPECT_TRUE(std::ranges::is_sorted(tenant));
}

TEST(PrefixPlan, ABatchWritesAPrefixByASmallBatchFirst) {
  const auto plan = plan_of(tenants(30, 40), batch_rules(0.9));
  EXPECT_EQ(plan.stages, 3U);
  EXPECT_EQ(plan.at(0).stage, 0U);
  std::size_t first = 0, second = 0;
  for (std::size_t k = 0; k < plan.size(); ++k) {
    const auto place = plan.at(k);
    if (k > 0) {
      EXPECT_GE(place.stage, plan.at(k - 1).stage);
    }
    first += place.stage == 0 ? 1 : 0;
    second += place.stage == 1 ? 1 : 0;
  }
  EXPECT_EQ(first, 1U);    // the common part, and the first tenant's with it
  EXPECT_EQ(second, 29U);  // one of each other tenant
  EXPECT_THAT(plan.reasons, Contains(HasSubstr("31 prefixes are written first, by small batches")));
}

// Nobody waits inside a batch: ten requests at once all write and none reads.
TEST(PrefixPlan, ASmallBatchWhoseReadersComeTooSoonIsNotMarked) {
  EXPECT_EQ(plan_of(shared(10, 5000), batch_rules(0.9)).policy, llm::CachePolicy::kUntouched);
  EXPECT_EQ(plan_of(shared(20, 5000), batch_rules(0.9)).policy, llm::CachePolicy::kMarked);
}

TEST(PrefixPlan, WhatWasObservedOfAPrefixOverridesTheExpectation) {
  Items items;
  for (std::uint64_t i = 0; i < 200; ++i) items.push_back({{1 + i % 2, 4000}, {100 + i, 50}});
  PrefixTrie trie;
  for (const auto& item : items) trie.add(item);
  const auto tree = trie.finish();
  const auto bad = tree.nodes[1].hash;
  auto settings = batch_rules(0.9);
  settings.observed = [bad](std::uint64_t hash) {
    return hash == bad ? std::optional(0.2) : std::nullopt;
  };
  EXPECT_EQ(estimate_prefixes(tree, settings).prefixes, 1U);
}

// An inner prefix that never hits is passed over: its outer one hits and is written from nothing.
TEST(PrefixChoice, RatesByPrefixMayMarkTheOuterAndNotTheInner) {
  PrefixTrie trie;
  for (std::uint64_t i = 0; i < 40; ++i) trie.add({{{1, 2000}, {2 + i % 2, 2000}, {100 + i, 9}}});
  const auto tree = trie.finish();
  const auto inner = tree.nodes[1].hash;
  auto settings = batch_rules(0.9);
  settings.observed = [inner](std::uint64_t hash) {
    return hash == inner ? std::optional(0.0) : std::nullopt;
  };
  const auto choice = choose_prefixes(tree, settings, settings.ttls[0]);
  EXPECT_FALSE(choice.chosen[1]);
  EXPECT_EQ(choice.count, 2U);
}

TEST(PrefixPlan, WhatIsReadIsMarkedWhereTheLookBackDoesNotReach) {
  // A long conversation: 30 blocks are new in the second request, so its own mark would not find the first one's entry.
  Item first, second, third;
  for (std::uint64_t b = 0; b < 10; ++b) first.push_back({b, 300});
  second = first;
  for (std::uint64_t b = 10; b < 40; ++b) second.push_back({b, 300});
  third = second;
  third.push_back({99, 10});
  const auto plan = plan_of({first, second, third}, rules());
  const auto place = plan.at(1);
  ASSERT_EQ(place.item, 1U);
  EXPECT_EQ(place.marks.count, 2U);
  EXPECT_EQ(place.marks.block[0], 9U);
  EXPECT_EQ(place.marks.block[1], 39U);
}

TEST(PrefixPlan, ReasonsAreBounded) {
  SeededRandom random(4);
  Items items;
  for (int i = 0; i < 3000; ++i)
    items.push_back({{random.below(40), 1500}, {random.below(40), 700}, {random.next(), 30}});
  EXPECT_LE(plan_of(items, rules()).reasons.size(), PrefixPlan::kReasonsMax);
}

Items random_prompts(SeededRandom& random, std::size_t count_max) {
  Items items(1 + random.below(count_max));
  const auto letters = 1 + random.below(4), longest = 1 + random.below(6);
  for (auto& item : items)
    for (std::uint64_t b = 0, blocks = 1 + random.below(longest); b < blocks; ++b) {
      const auto letter = random.below(letters);
      item.push_back(
          {letter * 100 + b, static_cast<std::uint32_t>(50 + (letter * 7919 + b * 7727) % 1900)});
    }
  return items;
}

PrefixSettings random_settings(SeededRandom& random) {
  auto settings = random.below(2) == 0 ? rules() : batch_rules(1);
  for (auto& option : settings.ttls) option.hit_rate = random.unit();
  settings.breakpoints_max = static_cast<std::uint32_t>(1 + random.below(4));
  settings.window_items = static_cast<std::uint32_t>(random.below(3) * 7);
  settings.prime_items_min = static_cast<std::uint32_t>(random.below(6));
  settings.prefix_min = Tokens{static_cast<std::int64_t>(100 + random.below(1000))};
  if (random.below(2) == 0)
    settings.observed = [salt = random.next()](std::uint64_t hash) -> std::optional<double> {
      const auto mixed = (hash ^ salt) * 0x9E3779B97F4A7C15;
      if (mixed % 3 == 0) return std::nullopt;
      return static_cast<double>(mixed >> 40 & 0xFF) / 255;
    };
  return settings;
}

RC_GTEST_PROP(PrefixPlanProperty, EveryItemOnceWithinTheLimitsAndWritersFirst,
              (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto items = random_prompts(random, 60);
  const auto settings = random_settings(random);
  const auto plan = plan_of(items, settings);
  std::set<std::uint32_t> sent_items;
  std::uint32_t stage = 0;
  for (std::size_t k = 0; k < plan.size(); ++k) {
    const auto place = plan.at(k);
    RC_ASSERT(sent_items.insert(place.item).second);
    RC_ASSERT(place.waits_for == Placement::kNobody || sent_items.contains(place.waits_for));
    RC_ASSERT(place.stage >= stage);
    stage = place.stage;
    RC_ASSERT(place.marks.count <= settings.breakpoints_max);
    for (std::uint32_t m = 0; m < place.marks.count; ++m) {
      RC_ASSERT(place.marks.block[m] < items[place.item].size());
      RC_ASSERT((m == 0 || place.marks.block[m] > place.marks.block[m - 1]));
    }
  }
  RC_ASSERT(sent_items.size() == items.size());
  RC_ASSERT(stage < plan.stages);
  RC_ASSERT(plan.estimate.expected <= plan.estimate.uncached);
}

// At hit rate 1 the plan costs what it says it costs.
RC_GTEST_PROP(PrefixPlanProperty, TheExpectationIsTheCost, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto items = random_prompts(random, 60);
  auto settings = rules();
  settings.breakpoints_max = static_cast<std::uint32_t>(1 + random.below(4));
  const auto plan = plan_of(items, settings);
  const ExactRules exact{.input = kInput, .read = kRead, .write = kWrite, .prefix_min = 1024};
  RC_ASSERT(plan.estimate.expected.pico == cost_of(items, sent(plan), exact));
  RC_ASSERT(plan.estimate.lower_bound <= plan.estimate.expected);
}

// Against an exhaustive search over all orders and marks: with four breakpoints within a percent, and never better.
RC_GTEST_PROP(PrefixPlanProperty, IsNearTheExactOptimum, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto items = random_prompts(random, 5);
  const ExactRules exact{.input = kInput, .read = kRead, .write = kWrite, .prefix_min = 1024};
  const auto least = ExactSearch(items, exact).least();
  const auto plan = plan_of(items, rules());
  const auto ours = cost_of(items, sent(plan), exact);
  RC_ASSERT(ours >= least);
  RC_ASSERT(static_cast<double>(ours) <= static_cast<double>(least) * 1.01);
  RC_ASSERT(plan.estimate.lower_bound.pico <= least);
}

// The short form of bench/planner: a shared part, tenants with tasks, conversations that grow, all mixed.
TEST(PrefixPlan, TheLowerBoundIsReachedWhereItCanBe) {
  SeededRandom random(6);
  Items documents, tasks, conversations;
  std::vector<Item> sessions(12);
  for (std::uint64_t i = 0; i < 600; ++i) {
    const auto document = static_cast<std::uint32_t>(30 + random.below(900));
    documents.push_back({{1, 6000}, {1000 + i, document}});
    const auto tenant = random.below(12), task = random.below(4);
    tasks.push_back({{1 + tenant, 1500}, {100 + tenant * 4 + task, 800}, {1000 + i, document}});
    auto& session = sessions[random.below(sessions.size())];
    if (session.empty() || session.size() > 60) session = {{1, 4000}, {random.next(), 200}};
    for (std::uint64_t b = 0; b < 3; ++b)
      session.push_back({random.next(), static_cast<std::uint32_t>(20 + random.below(700))});
    conversations.push_back(session);
  }
  const ExactRules exact{.input = kInput, .read = kRead, .write = kWrite, .prefix_min = 1024};
  for (const auto& items : {documents, tasks, conversations}) {
    const auto plan = plan_of(items, rules());
    const auto cost = static_cast<double>(cost_of(items, sent(plan), exact));
    EXPECT_LE(cost, 1.02 * static_cast<double>(plan.estimate.lower_bound.pico));
    EXPECT_LT(cost, 0.4 * static_cast<double>(plan.estimate.uncached.pico));
  }
}

TEST(PrefixBound, ScalesToWhatTheProviderCounted) {
  PrefixTrie trie;
  for (const auto& item : shared(1'000, 2000)) trie.add(item);
  const auto bound = bound_tokens(trie.finish(), rules());
  EXPECT_EQ(bound.written, 2000U);
  EXPECT_EQ(bound.read, 999U * 2000);
  EXPECT_EQ(bound.base, 50'000U);
  EXPECT_EQ(bound_cost(bound, rules(), bound.prompt()).pico, bound_cost(bound, rules()).pico);
  EXPECT_EQ(bound_cost(bound, rules(), 2 * bound.prompt()).pico,
            2 * bound_cost(bound, rules()).pico);
  auto none = rules();
  none.mode = catalogue::CacheMode::kNone;
  PrefixTrie other;
  for (const auto& item : shared(10, 2000)) other.add(item);
  EXPECT_EQ(bound_tokens(other.finish(), none).base, 20'500U);
}

TEST(PrefixSettings, ComeFromTheCatalogue) {
  const auto catalogue = catalogue::Catalogue::built_in().value();
  const Time now = from_unix_seconds(1'795'392'000);
  const auto claude = catalogue::resolve(catalogue, "anthropic/claude-sonnet-5").value();
  const auto sync = settings_for(*claude.provider, *claude.model, llm::Route::kSync, now);
  EXPECT_EQ(sync.mode, catalogue::CacheMode::kBreakpoints);
  ASSERT_EQ(sync.ttls.size(), 2U);
  EXPECT_EQ(sync.ttls[0].ttl, llm::CacheTtl::k5m);
  const auto batch = settings_for(*claude.provider, *claude.model, llm::Route::kBatch, now, 0.42);
  ASSERT_EQ(batch.ttls.size(), 1U);
  EXPECT_EQ(batch.ttls[0].ttl, llm::CacheTtl::k1h);
  EXPECT_EQ(batch.ttls[0].hit_rate, 0.42);
  EXPECT_EQ(batch.input.pico_per_token * 2, sync.input.pico_per_token);
  EXPECT_NEAR(break_even(batch, batch.ttls[0]), 0.53, 0.01);
  EXPECT_NEAR(break_even(sync, sync.ttls[0]), 0.22, 0.01);
  const auto older = catalogue::resolve(catalogue, "openAI/gpt-4.1-mini").value();
  EXPECT_EQ(settings_for(*older.provider, *older.model, llm::Route::kBatch, now).mode,
            catalogue::CacheMode::kNone);
  const auto automatic = settings_for(*older.provider, *older.model, llm::Route::kSync, now);
  EXPECT_EQ(automatic.mode, catalogue::CacheMode::kAutomatic);
  EXPECT_EQ(automatic.step_tokens, 128U);
  EXPECT_EQ(break_even(automatic, automatic.ttls[0]), 0);
}

}  // namespace
}  // namespace weir::plan
