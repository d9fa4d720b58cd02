#include "plan/prefix_stats.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "base/random.h"

namespace weir::plan {
namespace {

using ::testing::HasSubstr;

const Time kBegin = from_unix_seconds(1'795'392'000);
const PrefixStats::Key kKey{.account = "main", .model = "m", .prefix = 7};

TEST(PrefixStats, ThePriorIsSoonOutweighed) {
  PrefixStats stats;
  EXPECT_NEAR(stats.expected(kKey, 0.9, kBegin).mean(), 0.9, 1e-9);
  EXPECT_EQ(stats.observed(kKey, 0.9, kBegin), std::nullopt);
  stats.observe(kKey, 30, 100, kBegin);
  EXPECT_NEAR(stats.expected(kKey, 0.9, kBegin).mean(), 0.31, 0.03);
  EXPECT_NEAR(*stats.observed(kKey, 0.9, kBegin), 0.31, 0.03);
  EXPECT_LT(stats.expected(kKey, 0.9, kBegin).deviation(), 0.06);
}

TEST(PrefixStats, AnUnseenPrefixIsExpectedAsItsSeriesIs) {
  PrefixStats stats;
  stats.observe(kKey, 100, 1000, kBegin);
  auto other = kKey;
  other.prefix = 8;
  EXPECT_NEAR(stats.expected(other, 0.9, kBegin).mean(), 0.1, 0.02);
  EXPECT_EQ(stats.observed(other, 0.9, kBegin), std::nullopt);
}

TEST(PrefixStats, AccountsModelsAndRoutesAreApart) {
  PrefixStats stats;
  stats.observe({.account = "ab", .model = "c", .prefix = 1}, 0, 500, kBegin);
  EXPECT_EQ(stats.seen({.account = "a", .model = "bc", .prefix = 1}, kBegin).requests, 0);
  EXPECT_EQ(
      stats.seen({.account = "ab", .model = "c", .route = llm::Route::kSync, .prefix = 1}, kBegin)
          .requests,
      0);
  EXPECT_EQ(stats.seen({.account = "ab", .model = "c"}, kBegin).requests, 500);
}

TEST(PrefixStats, ObservationsFade) {
  PrefixStats stats;
  stats.observe(kKey, 80, 100, kBegin);
  const auto later = stats.seen(kKey, kBegin + PrefixStats::kHalfLife);
  EXPECT_NEAR(later.requests, 50, 1e-6);
  EXPECT_NEAR(later.hits, 40, 1e-6);
  EXPECT_NEAR(stats.expected(kKey, 0.2, kBegin + 40 * PrefixStats::kHalfLife).mean(), 0.2, 1e-3);
  stats.observe(kKey, 10, 10, kBegin - PrefixStats::kHalfLife);  // time never goes back
  EXPECT_NEAR(stats.seen(kKey, kBegin).requests, 110, 1e-6);
}

TEST(PrefixStats, MoreHitsThanRequestsAndNoRequestsAreHarmless) {
  PrefixStats stats;
  stats.observe(kKey, 5, 0, kBegin);
  EXPECT_EQ(stats.size(), 0U);
  stats.observe(kKey, 9, 3, kBegin);
  EXPECT_EQ(stats.seen(kKey, kBegin).hits, 3);
}

TEST(PrefixStats, AreBoundedAndTheFaintestGo) {
  PrefixStats stats;
  stats.observe(kKey, 1'000, 1'000, kBegin);
  for (std::uint64_t i = 100; i < 3 * PrefixStats::kEntriesMax; ++i)
    stats.observe({.account = "main", .model = "m", .prefix = i}, 1, 1, kBegin);
  EXPECT_LE(stats.size(), PrefixStats::kEntriesMax);
  EXPECT_EQ(stats.seen(kKey, kBegin).requests, 1'000);
}

RC_GTEST_PROP(PrefixStatsProperty, ReadBackWhatWasWritten, (std::uint64_t seed)) {
  SeededRandom random(seed);
  PrefixStats stats;
  for (std::uint64_t i = 0, count = random.below(40); i < count; ++i) {
    const auto requests = random.below(1000);
    stats.observe({.account = "a", .model = "m", .prefix = random.below(20)},
                  random.below(requests + 1), requests,
                  kBegin + Duration(random.below(1'000'000'000)));
  }
  const auto back = PrefixStats::parse(stats.to_text());
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->to_text() == stats.to_text());
}

TEST(PrefixStats, WhatIsNoSuchTextIsAnError) {
  const std::string head = "weir-prefix-stats 1\n", good = "00000000000000ff 1 2 3\n";
  EXPECT_TRUE(PrefixStats::parse(head).has_value());
  EXPECT_TRUE(PrefixStats::parse(head + good).has_value());
  for (const auto& bad : {std::string(), std::string("weir-prefix-stats 2\n"), head + "x 1 2 3\n",
                          head + "ff 3 2 1\n", head + "ff 1 2\n", head + "ff nan nan 3\n",
                          head + "ff 1 inf 3\n", head + "ff -1 2 3\n", head + "ff 1 2 -3\n",
                          head + "ff 1 2 3 4\n", fmt::format("{}{}{}", head, good, good)}) {
    const auto parsed = PrefixStats::parse(bad);
    ASSERT_FALSE(parsed.has_value()) << bad;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalidArgument);
  }
  std::string many = head;
  for (std::size_t i = 0; i <= PrefixStats::kEntriesMax; ++i)
    many.append(std::to_string(100'000 + i)).append(" 1 2 3\n");
  EXPECT_THAT(PrefixStats::parse(many).error().message, HasSubstr("more than 4096"));
}

}  // namespace
}  // namespace weir::plan
