#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace weir {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorKind::kInvalidArgument, "odd", "give an even number");
  return n / 2;
}

Result<int> quarter(int n) {
  WEIR_TRY(const int once, half(n));
  WEIR_TRY(const int twice, half(once));
  return twice;
}

Result<void> check(int n) {
  WEIR_CHECK(half(n));
  return {};
}

TEST(Result, TryTakesTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(8), 2);
  EXPECT_EQ(quarter(6).error().text(), "odd (give an even number)");
  EXPECT_TRUE(check(2));
  EXPECT_EQ(check(1).error().kind, ErrorKind::kInvalidArgument);
}

TEST(Result, TryMovesWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(3); };
  const auto use = [&]() -> Result<int> {
    WEIR_TRY(auto owned, make());
    return *owned;
  };
  EXPECT_EQ(use(), 3);
}

TEST(Error, EveryKindHasAName) {
  EXPECT_EQ(to_string(ErrorKind::kInvalidArgument), "invalid_argument");
  EXPECT_EQ(to_string(ErrorKind::kUnauthenticated), "unauthenticated");
  EXPECT_EQ(to_string(ErrorKind::kRateLimited), "rate_limited");
  EXPECT_EQ(to_string(ErrorKind::kUnavailable), "unavailable");
  EXPECT_EQ(to_string(ErrorKind::kDeadlineExceeded), "deadline_exceeded");
  EXPECT_EQ(to_string(ErrorKind::kNotFound), "not_found");
  EXPECT_EQ(to_string(ErrorKind::kUnsupported), "unsupported");
  EXPECT_EQ(to_string(ErrorKind::kCancelled), "cancelled");
  EXPECT_EQ(to_string(ErrorKind::kBadResponse), "bad_response");
  EXPECT_EQ(to_string(ErrorKind::kInternal), "internal");
}

TEST(Error, TextWithoutAHintIsTheMessage) { EXPECT_EQ((Error{.message = "gone"}.text()), "gone"); }

TEST(AssertDeathTest, SaysWhereAndThatItIsOurBug) {
  EXPECT_DEATH(WEIR_ASSERT(1 == 2), "assertion failed: 1 == 2 .*result_test.cc.*bug of ours");
}

}  // namespace
}  // namespace weir
