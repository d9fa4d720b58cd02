#include "plan/probe.h"

#include <gmock/gmock.h>

#include "base/random.h"

namespace weir::plan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

ProbeInput large() {
  return {.items = 30'000,
          .hit_rate = corrected(0.9, {}),
          .hit_rate_break_even = 0.53,
          .batch_window = 24h};
}

TEST(Probe, ALargeJobWithOnlyTheCataloguesWordIsProbed) {
  const auto probe = plan_probe(large());
  EXPECT_EQ(probe.items, kProbeItemsMax);
  EXPECT_LE(static_cast<double>(probe.items), kProbeShareMax * 30'000);
  EXPECT_THAT(probe.reason, HasSubstr("90 % is expected"));
}

TEST(Probe, NeverMoreThanItsShareAndNoneOfASmallJob) {
  auto input = large();
  input.items = 2'000;
  EXPECT_EQ(plan_probe(input).items, 40U);
  input.items = 999;
  EXPECT_EQ(plan_probe(input).items, 0U);
  EXPECT_THAT(plan_probe(input).reason, HasSubstr("too few"));
}

TEST(Probe, WhatHasBeenSeenOftenNeedsNone) {
  auto input = large();
  input.hit_rate = corrected(0.9, {.hits = 900, .requests = 1000});
  EXPECT_THAT(plan_probe(input).reason, HasSubstr("seen often enough"));
  input.hit_rate =
      corrected(0.9, {.hits = 530, .requests = 1000});  // at the break-even: worth knowing
  EXPECT_GT(plan_probe(input).items, 0U);
}

TEST(Probe, ADeadlineThatLeavesNoTimeMeansNone) {
  auto input = large();
  input.until_deadline = 71h;
  EXPECT_EQ(plan_probe(input).items, 0U);
  EXPECT_THAT(plan_probe(input).reason, HasSubstr("deadline"));
  input.until_deadline = 72h;
  EXPECT_GT(plan_probe(input).items, 0U);
}

TEST(Probe, WhereWritesAreFreeThereIsNothingToMeasure) {
  auto input = large();
  input.hit_rate_break_even = 0;
  EXPECT_EQ(plan_probe(input).items, 0U);
}

TEST(AfterProbe, TheAnswersDecide) {
  const auto bad = after_probe(large(), 120, 399);
  EXPECT_FALSE(bad.mark);
  EXPECT_NEAR(bad.hit_rate.mean(), 0.31, 0.02);
  EXPECT_THAT(bad.reason, HasSubstr("without marks"));
  EXPECT_TRUE(after_probe(large(), 360, 399).mark);
  auto pessimist = large();
  pessimist.hit_rate = corrected(0.3, {});
  EXPECT_TRUE(after_probe(pessimist, 360, 399).mark);
}

// The short form of bench/planner: 30,000 items at 1h prices (write 2, read 0.1), 0.3 where 0.9 was expected.
TEST(Probe, AWrongExpectationCostsLittleAndARightOneNothing) {
  for (const double rate : {0.3, 0.9}) {
    SeededRandom random(9);
    const auto input = large();
    const auto probe = plan_probe(input);
    double cost = 2;  // per prefix token: the prime writes it
    std::uint64_t hits = 0;
    const auto marked = [&] {
      const bool hit = random.unit() < rate;
      cost += hit ? 0.1 : 2;
      return hit;
    };
    for (std::uint64_t i = 1; i < probe.items; ++i) hits += marked() ? 1 : 0;
    const auto after = after_probe(input, hits, probe.items - 1);
    for (auto i = probe.items; i < input.items; ++i) {
      if (after.mark) marked();
      else cost += 1;
    }
    const double plain = static_cast<double>(input.items);
    if (rate < 0.5) EXPECT_LE(cost, 1.05 * plain);
    else EXPECT_LE(cost, 0.35 * plain);
  }
}

TEST(AfterProbe, NoAnswersChangeNothing) {
  const auto after = after_probe(large(), 0, 0);
  EXPECT_TRUE(after.mark);
  EXPECT_NEAR(after.hit_rate.mean(), 0.9, 1e-9);
  EXPECT_THAT(after.reason, HasSubstr("no answer"));
}

}  // namespace
}  // namespace weir::plan
