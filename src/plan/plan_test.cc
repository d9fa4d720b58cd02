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
  static const auto loaded = catalogue::Catalogue::built_in().value();
  return loaded;
}

PlanInput input_for(std::string_view model, JobShape shape, RouteWish wish = RouteWish::kAuto) {
  const auto found = catalogue::resolve(catalogue(), model);
  return {.provider = *found->provider,
          .model = *found->model,
          .wish = wish,
          .shape = shape,
          .now = kNow};
}

constexpr JobShape kLong{.items = 1000, .prefix_bytes = 8000, .variable_bytes_mean = 400};

TEST(PlanCache, BreakEvenIs22PercentFor5mAnd53For1h) {
  const auto input = input_for("anthropic/claude-sonnet-5", kLong);
  const auto sync = plan_cache(input, Route::kSync);
  EXPECT_EQ(sync.policy, CachePolicy::kMarked);
  EXPECT_EQ(sync.ttl, llm::CacheTtl::k5m);
  EXPECT_EQ(fmt::format("{:.0f}", sync.hit_rate_break_even * 100), "22");
  EXPECT_TRUE(sync.prime);
  const auto batch = plan_cache(input, Route::kBatch);
  EXPECT_EQ(batch.policy, CachePolicy::kMarked);
  EXPECT_EQ(batch.ttl, llm::CacheTtl::k1h);
  EXPECT_EQ(fmt::format("{:.0f}", batch.hit_rate_break_even * 100), "53");
  EXPECT_FALSE(marking_pays(batch, 0.52));
  EXPECT_TRUE(marking_pays(batch, 0.53));
}

TEST(PlanCache, AMarkNeedsTheModelsMinimum) {
  auto shape = kLong;
  shape.prefix_bytes = 3 * 1024 - 1;
  const auto below = plan_cache(input_for("anthropic/claude-sonnet-5", shape), Route::kSync);
  EXPECT_EQ(below.policy, CachePolicy::kUntouched);
  EXPECT_THAT(below.reason, HasSubstr("caches from 1024 on"));
  shape.prefix_bytes = 3 * 1024;
  EXPECT_EQ(plan_cache(input_for("anthropic/claude-sonnet-5", shape), Route::kSync).policy,
            CachePolicy::kMarked);
  shape.prefix_bytes = 0;
  EXPECT_THAT(plan_cache(input_for("anthropic/claude-sonnet-5", shape), Route::kSync).reason,
              HasSubstr("no static part"));
}

TEST(PlanCache, NoReadsNoMark) {
  auto shape = kLong;
  shape.items = 1;
  EXPECT_EQ(plan_cache(input_for("anthropic/claude-sonnet-5", shape), Route::kSync).policy,
            CachePolicy::kUntouched);
}

TEST(PlanCache, ABatchIsPrimedOnlyWhenItIsWorthTheWait) {
  auto shape = kLong;
  shape.items = 19;
  EXPECT_FALSE(plan_cache(input_for("anthropic/claude-sonnet-5", shape), Route::kBatch).prime);
  shape.items = 20;
  EXPECT_TRUE(plan_cache(input_for("anthropic/claude-sonnet-5", shape), Route::kBatch).prime);
}

TEST(PlanCache, ObservedHitsCorrectTheExpectation) {
  auto input = input_for("anthropic/claude-sonnet-5", kLong);
  input.batch_hit_rate = 0.3;
  EXPECT_EQ(plan_cache(input, Route::kBatch).policy, CachePolicy::kUntouched);
  EXPECT_EQ(plan_cache(input, Route::kSync).policy, CachePolicy::kMarked);  // apart
  input.batch_hit_rate = 0.9;
  EXPECT_EQ(plan_cache(input, Route::kBatch).policy, CachePolicy::kMarked);
}

TEST(PlanCache, OlderOpenAiModelsHaveNoCacheInABatch) {
  const auto input = input_for("openAI/gpt-4.1-mini", kLong);
  const auto batch = plan_cache(input, Route::kBatch);
  EXPECT_EQ(batch.policy, CachePolicy::kUntouched);
  EXPECT_FALSE(batch.prime);
  EXPECT_THAT(batch.reason, HasSubstr("no prompt cache on the batch route"));
  EXPECT_EQ(plan_cache(input, Route::kSync).policy,
            CachePolicy::kUntouched);  // the provider's own, no mark
  EXPECT_TRUE(plan_cache(input, Route::kSync).prime);
}

TEST(PlanCache, WhereAutomaticWritesAreChargedTheyAreSuppressedUnlessTheUserSaysHandsOff) {
  auto shape = kLong;
  shape.prefix_bytes = 0;
  auto input = input_for("openAI/gpt-6-luna", shape);
  EXPECT_EQ(plan_cache(input, Route::kSync).policy, CachePolicy::kSuppressed);
  input.caching = false;
  EXPECT_EQ(plan_cache(input, Route::kSync).policy, CachePolicy::kUntouched);
  EXPECT_EQ(plan_cache(input_for("openAI/gpt-6-luna", kLong), Route::kSync).policy,
            CachePolicy::kMarked);
}

TEST(PlanJob, ADeadlineInsideTheBatchWindowLeavesTimeForTheTail) {
  auto input = input_for("anthropic/claude-sonnet-5", kLong);
  input.sync_time = 3h;
  input.deadline = kNow + 4h;
  const auto sync = plan_job(input);
  ASSERT_TRUE(sync.has_value());
  EXPECT_EQ(sync->route, Route::kSync);
  EXPECT_FALSE(sync->batch_admissible);
  EXPECT_EQ(
      sync->reason,
      "the deadline leaves 4h 0m, a batch may take 1d 0h, and its tail 3h 0m by the standard API");
  input.deadline = kNow + 5h;
  EXPECT_EQ(plan_job(input)->route, Route::kBatch);
  input.sync_time = 30h;  // a job that the standard API could not do in time either
  EXPECT_EQ(plan_job(input)->route, Route::kBatch);
  input.deadline = kNow + 1h;
  EXPECT_EQ(plan_job(input)->route, Route::kSync);
  input.deadline = kNow + 24h;
  EXPECT_EQ(plan_job(input)->route, Route::kBatch);
}

TEST(PlanJob, TheUsersRouteBinds) {
  EXPECT_EQ(plan_job(input_for("anthropic/claude-sonnet-5", kLong, RouteWish::kSync))->route,
            Route::kSync);
  auto shape = kLong;
  shape.items = 1;
  EXPECT_EQ(plan_job(input_for("anthropic/claude-sonnet-5", shape))->route, Route::kSync);
  EXPECT_EQ(plan_job(input_for("anthropic/claude-sonnet-5", shape, RouteWish::kBatch))->route,
            Route::kBatch);
}

TEST(PlanJob, ABatchThatTheModelHasNotIsAnError) {
  auto model = *catalogue::resolve(catalogue(), "openAI/gpt-4.1-mini")->model;
  model.batch = false;
  const PlanInput input{.provider = *catalogue().find("openAI"),
                        .model = model,
                        .wish = RouteWish::kBatch,
                        .shape = kLong,
                        .now = kNow};
  ASSERT_FALSE(plan_job(input).has_value());
  EXPECT_EQ(plan_job(input).error().kind, ErrorKind::kUnsupported);
}

// 10 items, no static part: 10 x (100 tokens x 2.00 + 150 x 10.00) dollars a million, half of it in a batch.
TEST(PlanJob, TheExpectationIsTokensTimesPrices) {
  const auto plan =
      plan_job(input_for("anthropic/claude-sonnet-5", {.items = 10, .variable_bytes_mean = 400}));
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->route, Route::kBatch);
  EXPECT_EQ(plan->expected_baseline.pico, 10 * (100LL * 2'000'000 + 150LL * 10'000'000));
  EXPECT_EQ(plan->expected.pico * 2, plan->expected_baseline.pico);
  EXPECT_THAT(plan->reason, HasSubstr("by batch"));
}

// design.md 6: auto is never dearer in expectation than uncached.
TEST(PlanJob, AutoIsNeverDearerInExpectationThanUncached) {
  SeededRandom random(5);
  for (const auto& provider : catalogue().providers()) {
    for (const auto& model : provider.models) {
      for (int i = 0; i < 100; ++i) {
        const JobShape shape{.items = 1 + random.below(random.below(2) == 0 ? 10 : 100'000),
                             .prefix_bytes = random.below(random.below(2) == 0 ? 4000 : 200'000),
                             .variable_bytes_mean = random.below(20'000)};
        PlanInput input{.provider = provider, .model = model, .shape = shape, .now = kNow};
        input.batch_hit_rate = random.unit();
        const auto plan = plan_job(input);
        ASSERT_TRUE(plan.has_value());
        ASSERT_LE(plan->expected.pico,
                  plan->expected_baseline.pico + plan->expected_baseline.pico / 1'000'000)
            << model.name << ": " << plan->reason << "; " << plan->cache.reason;
      }
    }
  }
}

}  // namespace
}  // namespace weir::plan
