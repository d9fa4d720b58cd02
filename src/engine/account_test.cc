#include "engine/account.h"

#include <gtest/gtest.h>

namespace weir::engine {
namespace {

using namespace std::chrono_literals;

class AccountTest : public ::testing::Test {
 protected:
  // Sends as long as it may; how many that were.
  std::uint64_t send(Account::Seat seat, std::uint64_t most = 1000, std::uint64_t tokens = 10) {
    std::uint64_t count = 0;
    for (; count < most && account_.may_send(seat, tokens, now_); ++count)
      account_.sent(seat, tokens, now_);
    return count;
  }
  void over(Account::Seat seat, std::uint64_t count) {
    for (; count > 0; --count) account_.over(seat);
  }
  void see(std::uint64_t limit, std::uint64_t remaining, Duration full) {
    account_.observed(
        {.requests = provider::RateWindow{limit, remaining, now_, now_ + full}, .tokens = {}});
  }

  Account account_{8};
  SeededRandom random_{3};
  Time now_ = from_unix_seconds(1'795'000'000);
  Account::Seat one_ = account_.join();
};

TEST_F(AccountTest, OneJobHasItAll) {
  EXPECT_EQ(send(one_), 8U);
  account_.over(one_);
  EXPECT_EQ(send(one_), 1U);
}

TEST_F(AccountTest, ALimitHalvesAndSuccessesWinBack) {
  send(one_);
  Error error{.kind = ErrorKind::kRateLimited, .retry_after = 30s};
  EXPECT_EQ(account_.limited(error, random_, now_), now_ + 30s);
  over(one_, 8);
  EXPECT_EQ(send(one_), 0U);
  EXPECT_TRUE(account_.waits(one_));
  EXPECT_EQ(account_.paused_until(now_), now_ + 30s);
  now_ += 30s;
  EXPECT_EQ(send(one_), 4U);
  over(one_, 4);
  for (int i = 0; i < 4 + 5 + 6 + 7; ++i) account_.succeeded();
  EXPECT_EQ(account_.concurrency(), 8U);
  for (int i = 0; i < 100; ++i) account_.succeeded();
  EXPECT_EQ(account_.concurrency(), 8U);
  for (int i = 0; i < 10; ++i) account_.limited({}, random_, now_);
  EXPECT_EQ(account_.concurrency(), 1U);
}

TEST_F(AccountTest, JobsShareWhatThereIs) {
  EXPECT_EQ(send(one_), 8U);
  const auto two = account_.join();
  EXPECT_EQ(send(two), 0U);  // it waits
  for (int freed = 0; freed < 4; ++freed) {
    account_.over(one_);
    EXPECT_EQ(send(one_), 0U) << "the other has not its share yet";
    EXPECT_EQ(send(two), 1U);
  }
  account_.over(one_);
  account_.rest(two);
  EXPECT_EQ(send(one_), 1U) << "what the other does not want is anyone's";
}

TEST_F(AccountTest, UrgentJobsGoFirst) {
  send(one_);
  const auto urgent = account_.join(true);
  EXPECT_EQ(send(urgent), 0U);
  over(one_, 3);
  EXPECT_EQ(send(one_), 0U);
  EXPECT_EQ(send(urgent, 2), 2U);
  account_.rest(urgent);
  EXPECT_EQ(send(one_), 1U);
}

TEST_F(AccountTest, AJobThatLeavesGivesItsPlacesBackAndWakesOthers) {
  send(one_);
  int woken = 0;
  const auto two = account_.join(false, [&] { ++woken; });
  account_.over(one_);
  EXPECT_EQ(woken, 0) << "it asked for nothing";
  EXPECT_EQ(send(two), 1U);
  EXPECT_EQ(send(two), 0U);
  account_.over(one_);
  EXPECT_EQ(woken, 1);
  account_.leave(one_);
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(send(two), 7U);
}

TEST_F(AccountTest, AUsedUpWindowIsWaitedOut) {
  see(60, 2, 58s);  // one a second
  EXPECT_EQ(send(one_), 2U);
  over(one_, 2);
  EXPECT_EQ(account_.paused_until(now_), now_ + 1s);
  now_ += 1s;
  EXPECT_EQ(send(one_), 1U);
  now_ += 1h;
  EXPECT_EQ(send(one_), 7U);
  EXPECT_EQ(account_.paused_until(now_), std::nullopt);
}

TEST_F(AccountTest, TokensAreALimitToo) {
  account_.observed({.requests = {}, .tokens = provider::RateWindow{1000, 100, now_, now_ + 90s}});
  EXPECT_EQ(send(one_, 1000, 40), 2U);
  now_ += 3s;
  EXPECT_EQ(send(one_, 1000, 40), 1U);
  over(one_, 3);
  EXPECT_EQ(send(one_, 1, 5000), 1U) << "larger than the window: alone";
}

TEST_F(AccountTest, WhatOneIsToldAnotherHears) {
  Account other{8};
  const auto seat = other.join();
  account_.on_news([&](const Account::News& news) { other.hear(news); });
  see(100, 0, 60s);
  EXPECT_FALSE(other.may_send(seat, 10, now_));
  EXPECT_EQ(other.paused_until(now_), account_.paused_until(now_));
  now_ += 60s;
  EXPECT_TRUE(other.may_send(seat, 10, now_));
  account_.limited({.kind = ErrorKind::kRateLimited, .retry_after = 30s}, random_, now_);
  EXPECT_EQ(other.concurrency(), 4U);
  EXPECT_EQ(other.paused_until(now_), now_ + 30s);
}

TEST_F(AccountTest, WhatIsHeardGoesNoFurtherAndIsNeverOlder) {
  int told = 0;
  account_.on_news([&](const Account::News&) { ++told; });
  see(100, 50, 60s);
  EXPECT_EQ(told, 1);
  const provider::RateWindow used_up{100, 0, now_ - 1s, now_ + 60s};
  account_.hear({.limits = {.requests = used_up, .tokens = {}}, .refused_until = {}});
  EXPECT_FALSE(account_.paused_until(now_));
  const provider::RateWindow newer{100, 0, now_ + 1s, now_ + 60s};
  account_.hear({.limits = {.requests = newer, .tokens = {}}, .refused_until = {}});
  EXPECT_TRUE(account_.paused_until(now_ + 1s));
  account_.observed({});
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace weir::engine
