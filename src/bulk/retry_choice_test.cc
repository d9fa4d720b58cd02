#include "bulk/retry_choice.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace weir::bulk {
namespace {

using Items = std::set<std::uint64_t>;

// One round over items 0…9; those of `before` were tried again already.
Items round(std::uint64_t items_max, const Items& before, std::uint64_t* left) {
  RetryChoice choice(items_max);
  const auto record = [&](std::uint64_t item) {
    const auto* reasons = before.contains(item)
                              ? R"(,"reasons":["tried again by hand after: 500","batch 1: 400"])"
                              : R"(,"reasons":["batch 1: 400"])";
    return engine::ResultLog::Record{
        .item = item, .line = fmt::format(R"({{"id":"{}","error":{{}}{}}})", item, reasons)};
  };
  for (std::uint64_t item = 0; item < 10; ++item) choice.count(record(item));
  Items taken;
  for (std::uint64_t item = 0; item < 10; ++item)
    if (choice.take(record(item))) taken.insert(item);
  *left = choice.left();
  return taken;
}

TEST(RetryChoice, RoundsReachEveryItem) {
  std::uint64_t left = 0;
  Items tried = round(4, {}, &left);
  EXPECT_EQ(tried, (Items{0, 1, 2, 3}));
  EXPECT_EQ(left, 6U);
  const auto second = round(4, tried, &left);
  EXPECT_EQ(second, (Items{4, 5, 6, 7}));
  tried.insert(second.begin(), second.end());
  EXPECT_EQ(round(4, tried, &left),
            (Items{0, 1, 8, 9}));  // the rest, and as many as there is room for
  EXPECT_EQ(left, 6U);
}

TEST(RetryChoice, BelowTheBoundAllAreTaken) {
  std::uint64_t left = 0;
  EXPECT_EQ(round(10, {2, 3}, &left).size(), 10U);
  EXPECT_EQ(left, 0U);
  EXPECT_EQ(round(kRetriedMax, {}, &left).size(), 10U);
}

TEST(RetryChoice, ALineThatCannotBeReadIsTakenAsWell) {
  RetryChoice choice(1);
  choice.count({.item = 7, .line = "{"});
  EXPECT_TRUE(choice.take({.item = 7, .line = "{"}));
  EXPECT_FALSE(choice.take({.item = 8, .line = ""}));
}

}  // namespace
}  // namespace weir::bulk
