#include "plan/probe.h"

#include <gmock/gmock.h>

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

TEST(AfterProbe, NoAnswersChangeNothing) {
  const auto after = after_probe(large(), 0, 0);
  EXPECT_TRUE(after.mark);
  EXPECT_NEAR(after.hit_rate.mean(), 0.9, 1e-9);
  EXPECT_THAT(after.reason, HasSubstr("no answer"));
}

}  // namespace
}  // namespace weir::plan
