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
    for (; count < most && account.may_send(seat, tokens, now); ++count)
      account.sent(seat, tokens, now);
    return count;
  }
  void over(Account::Seat seat, std::uint64_t count) {
    for (; count > 0; --count) account.over(seat);
  }
  void see(std::uint64_t limit, std::uint64_t remaining, Duration full) {
    account.observed(
        {.requests = provider::RateWindow{limit, remaining, now, now + full}, .tokens = {}});
  }

  Account account{8};
  SeededRandom random{3};
  Time now = from_unix_seconds(1'795'000'000);
  Account::Seat one = account.join();
};

TEST_F(AccountTest, OneJobHasItAll) {
  EXPECT_EQ(send(one), 8U);
  account.over(one);
  EXPECT_EQ(send(one), 1U);
}

TEST_F(AccountTest, ALimitHalvesAndSuccessesWinBack) {
  send(one);
  Error error{.kind = ErrorKind::kRateLimited, .retry_after = 30s};
  EXPECT_EQ(account.limited(error, random, now), now + 30s);
  over(one, 8);
  EXPECT_EQ(send(one), 0U);
  EXPECT_TRUE(account.waits(one));
  EXPECT_EQ(account.paused_until(now), now + 30s);
  now += 30s;
  EXPECT_EQ(send(one), 4U);
  over(one, 4);
  for (int i = 0; i < 4 + 5 + 6 + 7; ++i) account.succeeded();
  EXPECT_EQ(account.concurrency(), 8U);
  for (int i = 0; i < 100; ++i) account.succeeded();
  EXPECT_EQ(account.concurrency(), 8U);
  for (int i = 0; i < 10; ++i) account.limited({}, random, now);
  EXPECT_EQ(account.concurrency(), 1U);
}

TEST_F(AccountTest, JobsShareWhatThereIs) {
  EXPECT_EQ(send(one), 8U);
  const auto two = account.join();
  EXPECT_EQ(send(two), 0U);  // it waits
  for (int freed = 0; freed < 4; ++freed) {
    account.over(one);
    EXPECT_EQ(send(one), 0U) << "the other has not its share yet";
    EXPECT_EQ(send(two), 1U);
  }
  account.over(one);
  account.rest(two);
  EXPECT_EQ(send(one), 1U) << "what the other does not want is anyone's";
}

TEST_F(AccountTest, UrgentJobsGoFirst) {
  send(one);
  const auto urgent = account.join(true);
  EXPECT_EQ(send(urgent), 0U);
  over(one, 3);
  EXPECT_EQ(send(one), 0U);
  EXPECT_EQ(send(urgent, 2), 2U);
  account.rest(urgent);
  EXPECT_EQ(send(one), 1U);
}

TEST_F(AccountTest, AJobThatLeavesGivesItsPlacesBackAndWakesOthers) {
  send(one);
  int woken = 0;
  const auto two = account.join(false, [&] { ++woken; });
  account.over(one);
  EXPECT_EQ(woken, 0) << "it asked for nothing";
  EXPECT_EQ(send(two), 1U);
  EXPECT_EQ(send(two), 0U);
  account.over(one);
  EXPECT_EQ(woken, 1);
  account.leave(one);
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(send(two), 7U);
}

TEST_F(AccountTest, AUsedUpWindowIsWaitedOut) {
  see(60, 2, 58s);  // one a second
  EXPECT_EQ(send(one), 2U);
  over(one, 2);
  EXPECT_EQ(account.paused_until(now), now + 1s);
  now += 1s;
  EXPECT_EQ(send(one), 1U);
  now += 1h;
  EXPECT_EQ(send(one), 7U);
  EXPECT_EQ(account.paused_until(now), std::nullopt);
}

TEST_F(AccountTest, TokensAreALimitToo) {
  account.observed({.requests = {}, .tokens = provider::RateWindow{1000, 100, now, now + 90s}});
  EXPECT_EQ(send(one, 1000, 40), 2U);
  now += 3s;
  EXPECT_EQ(send(one, 1000, 40), 1U);
  over(one, 3);
  EXPECT_EQ(send(one, 1, 5000), 1U) << "larger than the window: alone";
}

}  // namespace
}  // namespace weir::engine
