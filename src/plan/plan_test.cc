#include "plan/plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/random.h"

namespace weir::plan {
namespace {

using namespace std::chrono_literals;
using llm::CachePolicy;
using llm::Route;
using ::testing::HasSubstr;

const Time kNow = from_unix_seconds(1'795'392'000);

const catalogue::Catalogue& catalogue() {
  static const auto kLoaded = catalogue::Catalogue::built_in().value();
  return kLoaded;
}

// Items that share a prefix, each with a tail of its own; tokens.
struct Shape {
  std::uint64_t items = 0;
  std::uint32_t prefix = 0, variable = 0;
};
constexpr Shape kLong{.items = 1000, .prefix = 2000, .variable = 100};

PlanInput input_for(std::string_view model, Shape shape, RouteWish wish = RouteWish::kAuto) {
  const auto found = catalogue::resolve(catalogue(), model);
  return {.provider = *found->provider,
          .model = *found->model,
          .wish = wish,
          .shape = {.items = shape.items,
                    .prompt_tokens = shape.items * (shape.prefix + shape.variable)},
          .now = kNow};
}

PrefixTree tree_of(Shape shape) {
  PrefixTrie trie;
  for (std::uint64_t i = 0; i < shape.items; ++i) {
    std::vector<BlockKey> blocks;
    if (shape.prefix > 0) blocks.push_back({1, shape.prefix});
    blocks.push_back({100 + i, shape.variable});
    trie.add(blocks);
  }
  return trie.finish();
}

PlannedJob plan_of(const PlanInput& input, Shape shape) {
  return plan_job(input, tree_of(shape)).value();
}
PlannedJob plan_of(std::string_view model, Shape shape, RouteWish wish) {
  return plan_of(input_for(model, shape, wish), shape);
}

constexpr auto kSonnet = "anthropic/claude-sonnet-5";

TEST(PlanJob, BreakEvenIs22PercentFor5mAnd53For1h) {
  const auto sync = plan_of(kSonnet, kLong, RouteWish::kSync).job.cache;
  EXPECT_EQ(sync.policy, CachePolicy::kMarked);
  EXPECT_EQ(sync.ttl, llm::CacheTtl::k5m);
  EXPECT_EQ(fmt::format("{:.0f}", sync.hit_rate_break_even * 100), "22");
  const auto planned = plan_of(kSonnet, kLong, RouteWish::kBatch);
  const auto& batch = planned.job.cache;
  EXPECT_EQ(batch.policy, CachePolicy::kMarked);
  EXPECT_EQ(batch.ttl, llm::CacheTtl::k1h);
  EXPECT_EQ(fmt::format("{:.0f}", batch.hit_rate_break_even * 100), "53");
  EXPECT_FALSE(marking_pays(batch, 0.52));
  EXPECT_TRUE(marking_pays(batch, 0.53));
  EXPECT_EQ(planned.prefixes.stages, 2U);  // one item writes the prefix first
}

// Tokens are estimated: a quarter less may yet turn out to be enough, and costs nothing where it does not.
TEST(PlanJob, AMarkNeedsTheModelsMinimum) {
  auto shape = kLong;
  shape.prefix = 767;
  const auto below = plan_of(kSonnet, shape, RouteWish::kSync).job.cache;
  EXPECT_EQ(below.policy, CachePolicy::kUntouched);
  EXPECT_THAT(below.reason, HasSubstr("shorter than"));
  shape.prefix = 768;
  EXPECT_EQ(plan_of(kSonnet, shape, RouteWish::kSync).job.cache.policy, CachePolicy::kMarked);
  shape.prefix = 0;
  EXPECT_THAT(plan_of(kSonnet, shape, RouteWish::kSync).job.cache.reason,
              HasSubstr("no two items begin with the same block"));
}

// Providers that look for prefixes by themselves have no breakpoints to set, and hits nevertheless.
TEST(PlanJob, ACacheWithoutBreakpointsCountsOnTheSyncRoute) {
  const Shape mostly_shared{.items = 1000, .prefix = 7000, .variable = 100};
  const auto mistral = plan_of("mistral/mistral-small-2603", mostly_shared, RouteWish::kAuto);
  EXPECT_EQ(mistral.job.route, Route::kSync);
  EXPECT_EQ(mistral.job.cache.hit_rate_expected, 0.7);
  EXPECT_LT(mistral.job.expected.pico * 2, mistral.job.expected_baseline.pico);
  // As careful as the provider: no hit is promised, and a batch is certain.
  EXPECT_EQ(plan_of("gemini/gemini-2.5-flash", mostly_shared, RouteWish::kAuto).job.route,
            Route::kBatch);
  const auto none = plan_of("mistral/mistral-small-2603", kLong, RouteWish::kBatch).job.cache;
  EXPECT_THAT(none.reason, HasSubstr("no prompt cache on the batch route"));
}

TEST(PlanJob, NoReadsNoMark) {
  auto shape = kLong;
  shape.items = 1;
  EXPECT_EQ(plan_of(kSonnet, shape, RouteWish::kSync).job.cache.policy, CachePolicy::kUntouched);
}

TEST(PlanJob, ABatchIsPrimedOnlyWhenItIsWorthTheWait) {
  auto shape = kLong;
  shape.items = 19;
  EXPECT_EQ(plan_of(kSonnet, shape, RouteWish::kBatch).prefixes.stages, 1U);
  shape.items = 20;
  EXPECT_EQ(plan_of(kSonnet, shape, RouteWish::kBatch).prefixes.stages, 2U);
  auto input = input_for(kSonnet, shape, RouteWish::kBatch);
  input.deadline = kNow + 3h;  // three batches one after the other would be late
  EXPECT_EQ(plan_of(input, shape).prefixes.stages, 1U);
}

TEST(PlanJob, ObservedHitsCorrectTheExpectation) {
  auto input = input_for(kSonnet, kLong, RouteWish::kBatch);
  input.batch_hit_rate = 0.3;
  EXPECT_EQ(plan_of(input, kLong).job.cache.policy, CachePolicy::kUntouched);
  input.wish = RouteWish::kSync;  // apart
  EXPECT_EQ(plan_of(input, kLong).job.cache.policy, CachePolicy::kMarked);
  input.wish = RouteWish::kBatch;
  input.batch_hit_rate = 0.9;
  EXPECT_EQ(plan_of(input, kLong).job.cache.policy, CachePolicy::kMarked);
}

TEST(PlanJob, OlderOpenAiModelsHaveNoCacheInABatch) {
  const auto batch = plan_of("openAI/gpt-4.1-mini", kLong, RouteWish::kBatch);
  EXPECT_EQ(batch.job.cache.policy, CachePolicy::kUntouched);
  EXPECT_EQ(batch.prefixes.stages, 1U);
  EXPECT_THAT(batch.job.cache.reason, HasSubstr("no prompt cache on the batch route"));
  const auto sync = plan_of("openAI/gpt-4.1-mini", kLong, RouteWish::kSync);
  EXPECT_EQ(sync.job.cache.policy, CachePolicy::kUntouched);  // the provider's own, no mark
  EXPECT_EQ(sync.prefixes.at(1).waits_for, 0U);
}

TEST(PlanJob, WhereAutomaticWritesAreChargedTheyAreSuppressedUnlessTheUserSaysHandsOff) {
  auto shape = kLong;
  shape.prefix = 0;
  auto input = input_for("openAI/gpt-6-luna", shape, RouteWish::kSync);
  EXPECT_EQ(plan_of(input, shape).job.cache.policy, CachePolicy::kSuppressed);
  input.caching = false;
  EXPECT_EQ(plan_of(input, shape).job.cache.policy, CachePolicy::kUntouched);
  EXPECT_EQ(plan_of("openAI/gpt-6-luna", kLong, RouteWish::kSync).job.cache.policy,
            CachePolicy::kMarked);
}

TEST(PlanJob, SinglesAreMarkedWhereTheyShareEnough) {
  const auto input = input_for(kSonnet, kLong);
  EXPECT_EQ(plan_singles(input, 3, 2000).policy, CachePolicy::kMarked);
  EXPECT_EQ(plan_singles(input, 1, 2000).policy, CachePolicy::kUntouched);
  EXPECT_EQ(plan_singles(input, 3, 200).policy, CachePolicy::kUntouched);
  EXPECT_EQ(plan_singles(input_for("openAI/gpt-6-luna", kLong), 1, 2000).policy,
            CachePolicy::kSuppressed);
}

TEST(PlanJob, ADeadlineInsideTheBatchWindowLeavesTimeForTheTail) {
  auto input = input_for(kSonnet, kLong);
  input.sync_time = 3h;
  input.deadline = kNow + 4h;
  const auto sync = plan_of(input, kLong).job;
  EXPECT_EQ(sync.route, Route::kSync);
  EXPECT_FALSE(sync.batch_admissible);
  EXPECT_EQ(
      sync.reason,
      "the deadline leaves 4h 0m, a batch may take 1d 0h, and its tail 3h 0m by the standard API");
  input.deadline = kNow + 5h;
  EXPECT_EQ(plan_of(input, kLong).job.route, Route::kBatch);
  input.sync_time = 30h;  // a job that the standard API could not do in time either
  EXPECT_EQ(plan_of(input, kLong).job.route, Route::kBatch);
  input.deadline = kNow + 1h;
  EXPECT_EQ(plan_of(input, kLong).job.route, Route::kSync);
  input.deadline = kNow + 24h;
  EXPECT_EQ(plan_of(input, kLong).job.route, Route::kBatch);
}

TEST(PlanJob, FewerThanTheProvidersMinimumAreNoBatchAndNothingSmallGoesAhead) {
  auto provider = *catalogue::resolve(catalogue(), kSonnet)->provider;
  provider.batch->requests_min = 100;
  const auto found = catalogue::resolve(catalogue(), kSonnet);
  const auto planned = [&](Shape shape) {
    const auto whole = input_for(kSonnet, shape);
    return plan_of(PlanInput{.provider = provider,
                             .model = *found->model,
                             .wish = whole.wish,
                             .shape = whole.shape,
                             .now = kNow},
                   shape);
  };
  auto shape = kLong;
  EXPECT_EQ(planned(shape).job.route, Route::kBatch);
  EXPECT_EQ(planned(shape).prefixes.stages, 1U);
  shape.items = 99;
  EXPECT_EQ(planned(shape).job.route, Route::kSync);
  EXPECT_THAT(planned(shape).job.reason, HasSubstr("takes at least 100 items in a batch"));
}

TEST(PlanJob, TheUsersRouteBinds) {
  EXPECT_EQ(plan_of(kSonnet, kLong, RouteWish::kSync).job.route, Route::kSync);
  auto shape = kLong;
  shape.items = 1;
  EXPECT_EQ(plan_of(kSonnet, shape, RouteWish::kAuto).job.route, Route::kSync);
  EXPECT_EQ(plan_of(kSonnet, shape, RouteWish::kBatch).job.route, Route::kBatch);
}

TEST(PlanJob, ABatchThatTheModelHasNotIsAnError) {
  auto model = *catalogue::resolve(catalogue(), "openAI/gpt-4.1-mini")->model;
  model.batch = false;
  const PlanInput input{.provider = *catalogue().find("openAI"),
                        .model = model,
                        .wish = RouteWish::kBatch,
                        .shape = {.items = 10},
                        .now = kNow};
  ASSERT_FALSE(check_wish(input).has_value());
  EXPECT_EQ(plan_job(input, {}).error().kind, ErrorKind::kUnsupported);
}

TEST(PlanJob, ABatchThatCannotBeToldTheSchemaIsNone) {
  auto provider = *catalogue().find("openAI");
  provider.batch->answer_format = false;
  const PlanInput plain{.provider = provider,
                        .model = *catalogue::resolve(catalogue(), "openAI/gpt-4.1-mini")->model,
                        .shape = {.items = 10},
                        .now = kNow};
  EXPECT_EQ(plan_job(plain, tree_of({.items = 10, .variable = 100}))->job.route, Route::kBatch);
  PlanInput input{.provider = provider, .model = plain.model, .shape = plain.shape, .now = kNow};
  input.answer_format = true;
  const auto plan = plan_job(input, tree_of({.items = 10, .variable = 100}));
  EXPECT_EQ(plan->job.route, Route::kSync);
  EXPECT_THAT(plan->job.reason, HasSubstr("no answer schema in a batch"));
  input.wish = RouteWish::kBatch;
  EXPECT_EQ(check_wish(input).error().kind, ErrorKind::kUnsupported);
}

// A provider that publishes no batch price: nothing is saved, so nobody waits.
TEST(PlanJob, ABatchThatSavesNothingIsNotWaitedFor) {
  auto model = *catalogue::resolve(catalogue(), "openAI/gpt-4.1-mini")->model;
  for (auto& row : model.prices) row.batch = row.sync;
  PlanInput input{
      .provider = *catalogue().find("openAI"), .model = model, .shape = {.items = 10}, .now = kNow};
  EXPECT_EQ(plan_job(input, tree_of({.items = 10, .variable = 100}))->job.route, Route::kSync);
  input.wish = RouteWish::kBatch;
  EXPECT_EQ(plan_job(input, tree_of({.items = 10, .variable = 100}))->job.route, Route::kBatch);
}

// 10 items, nothing shared: 10 x (100 tokens x 2.00 + 150 x 10.00) dollars a million, half of it in a batch.
TEST(PlanJob, TheExpectationIsTokensTimesPrices) {
  const auto plan = plan_of(kSonnet, {.items = 10, .variable = 100}, RouteWish::kAuto).job;
  EXPECT_EQ(plan.route, Route::kBatch);
  EXPECT_EQ(plan.expected_baseline.pico, 10 * (100LL * 2'000'000 + 150LL * 10'000'000));
  EXPECT_EQ(plan.expected.pico * 2, plan.expected_baseline.pico);
  EXPECT_THAT(plan.reason, HasSubstr("by batch"));
}

TEST(PlanJob, WhatTheFirstItemsShowIsTakenForTheRest) {
  auto input = input_for(kSonnet, kLong);
  const auto whole = plan_of(input, kLong).job;
  const auto part = plan_of(input, {.items = 100, .prefix = 2000, .variable = 100}).job;
  EXPECT_EQ(part.expected_baseline, whole.expected_baseline);
  EXPECT_NEAR(static_cast<double>(part.expected.pico), static_cast<double>(whole.expected.pico),
              0.02 * static_cast<double>(whole.expected.pico));
}

// design.md 6: auto is never dearer in expectation than uncached.
TEST(PlanJob, AutoIsNeverDearerInExpectationThanUncached) {
  SeededRandom random(5);
  for (const auto& provider : catalogue().providers()) {
    for (const auto& model : provider.models) {
      for (int i = 0; i < 30; ++i) {
        const Shape shape{.items = 1 + random.below(random.below(2) == 0 ? 10 : 2'000),
                          .prefix = static_cast<std::uint32_t>(
                              random.below(random.below(2) == 0 ? 1000 : 50'000)),
                          .variable = static_cast<std::uint32_t>(random.below(5'000))};
        PlanInput input{.provider = provider,
                        .model = model,
                        .shape = {.items = shape.items,
                                  .prompt_tokens = shape.items * (shape.prefix + shape.variable)},
                        .now = kNow};
        input.batch_hit_rate = random.unit();
        const auto plan = plan_of(input, shape).job;
        ASSERT_LE(plan.expected.pico,
                  plan.expected_baseline.pico + plan.expected_baseline.pico / 1'000'000)
            << model.name << ": " << plan.reason << "; " << plan.cache.reason;
      }
    }
  }
}

}  // namespace
}  // namespace weir::plan
