// The sync route as scripts of events.
#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using testing::Bench;
using ::testing::HasSubstr;
using Outcome = cost::LedgerEntry::Outcome;

class JobSync : public Bench, public ::testing::Test {};

TEST_F(JobSync, AnswersEachItemOnceInInputOrder) {
  open();
  turn();
  EXPECT_EQ(waiting("sync"), 2U);  // the concurrency
  const auto first = take("sync");
  answer("sync", 200, "7 3 b");
  ASSERT_TRUE(engine->on_answer(first, {200, {}, "5 2 a"}, now).has_value());
  turn();
  answer("sync", 200, "1 1 c");
  EXPECT_TRUE(turn().done);
  ASSERT_EQ(output().size(), 3U);
  EXPECT_THAT(output()[0], HasSubstr(R"("id":"id-0","line":1,"answer":"a")"));
  EXPECT_THAT(output()[1], HasSubstr(R"("answer":"b")"));
  EXPECT_THAT(output()[1], HasSubstr(R"("cost_usd":"0.000000000037")"));
  ASSERT_EQ(ledger().size(), 3U);
  EXPECT_EQ(ledger()[0].cost.pico, 25);
  EXPECT_TRUE(ledger()[0].answered);
  EXPECT_EQ(store.job().phase, JobPhase::kDone);
  EXPECT_EQ(engine->progress().reserved.pico, 0);
  EXPECT_TRUE(journal.entries().empty());
  EXPECT_TRUE(turn().done);  // asked again, it says the same
}

TEST_F(JobSync, WaitsOutRateLimitsWithoutCountingThemAsTries) {
  source.items = 1;
  open();
  for (int i = 0; i < 10; ++i) {
    turn();
    answer("sync", 429, "", {{"retry-after", "5"}});
    const auto paused = turn();
    EXPECT_FALSE(paused.done);
    ASSERT_TRUE(paused.wake_at);
    EXPECT_EQ(*paused.wake_at, now + 5s);
    now = *paused.wake_at;
  }
  turn();
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[0], HasSubstr(R"("attempts":1)"));
  EXPECT_EQ(ledger().size(), 1U);
}

TEST_F(JobSync, RateLimitsAreNotWaitedOutForEver) {
  source.items = 1;
  open();
  std::uint32_t refused = 0;
  for (auto last = turn(); !last.done && refused < 2 * kRateLimitedMax;) {
    if (waiting("sync") > 0) {
      answer("sync", 429);
      ++refused;
    }
    last = turn();
    if (last.wake_at) now = *last.wake_at;
  }
  EXPECT_EQ(refused, kRateLimitedMax + 1);
  EXPECT_THAT(output()[0], HasSubstr(R"("error":{"kind":"rate_limited")"));
  EXPECT_TRUE(store.items.empty());
}

TEST_F(JobSync, TriesFourTimesAndFailsWithTheReason) {
  source.items = 1;
  open();
  for (int i = 0; i < 4; ++i) {
    turn_after(1min);
    answer("sync", 500);
  }
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[0], HasSubstr(R"("attempts":4,"reasons":["the provider answered 500)"));
  EXPECT_TRUE(ledger().empty());  // a refusal is not billed
  EXPECT_TRUE(store.items.empty());
}

TEST_F(JobSync, TriesAsOftenAsTheJobSays) {
  source.items = 1;
  options.attempts_max = 2;
  open();
  for (int i = 0; i < 2; ++i) {
    turn_after(1min);
    answer("sync", 500);
  }
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[0], HasSubstr(R"("attempts":2)"));
}

TEST_F(JobSync, DoesNotRepeatWhatIsRefusedForItsContent) {
  source.items = 1;
  open();
  turn();
  answer("sync", 400);
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[0], HasSubstr(R"("http_status":400)"));
}

TEST_F(JobSync, AnAttemptThatWasNeverSeenIsBookedWithItsCeiling) {
  source.items = 1;
  open();
  turn();
  lose("sync", ErrorKind::kDeadlineExceeded);
  turn_after(1min);
  answer("sync", 200, "1");  // answered, but unreadable: billed by how much nobody knows
  turn_after(1min);
  lose("sync", ErrorKind::kCancelled);
  turn_after(1min);
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  ASSERT_EQ(ledger().size(), 4U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ledger()[i].outcome, Outcome::kUnknown);
    EXPECT_EQ(
        ledger()[i].cost.pico,
        6 + 2000 + 100 * 10);  // bytes of the text, the provider's scaffold, the output at most
  }
  EXPECT_TRUE(ledger()[3].answered);
  EXPECT_EQ(engine->progress().exposure.pico, 3 * 3006);
}

TEST_F(JobSync, WhatSurelyWasNotSentLeavesNoEntry) {
  source.items = 1;
  open();
  turn();
  lose("sync", ErrorKind::kUnavailable);
  const auto paused = turn();
  ASSERT_TRUE(paused.wake_at);
  EXPECT_GT(*paused.wake_at, now);
  now = *paused.wake_at;
  turn();
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(ledger().size(), 1U);
}

TEST_F(JobSync, AKeyThatIsRefusedStopsTheJobAndCostsNoTry) {
  source.items = 1;
  for (int i = 0; i < 6; ++i) {
    open();
    turn();
    answer("sync", 401);
    EXPECT_TRUE(turn().done);
    ASSERT_TRUE(engine->stopped());
    EXPECT_EQ(engine->stopped()->kind, ErrorKind::kUnauthenticated);
  }
  open();
  turn();
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 1U);
}

TEST_F(JobSync, WhileStoppedOnlyWhatIsInFlightIsAwaited) {
  open();
  turn();
  answer("sync", 402);
  const auto waiting_turn = turn();
  EXPECT_FALSE(waiting_turn.done);
  EXPECT_FALSE(waiting_turn.wake_at);
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 1U);
}

TEST_F(JobSync, ReservesCeilingsAndStopsBeforeTheLimitIsPassed) {
  options.spend_max = Money{3006 + 3000};  // one ceiling is 3006
  open();
  turn();
  EXPECT_EQ(waiting("sync"), 1U);
  answer("sync", 200, "1 1 a");  // costs 11: there is room for the next
  turn();
  EXPECT_EQ(waiting("sync"), 1U);
  lose("sync", ErrorKind::kDeadlineExceeded);  // its ceiling stays spent
  const auto last = turn();
  EXPECT_TRUE(last.done);
  EXPECT_TRUE(engine->spend_stopped());
  EXPECT_EQ(engine->progress().ended(), 1U);
  options.spend_max = Money{100'000};
  open();
  turn();
  answer("sync", 200, "1 1 b");
  answer("sync", 200, "1 1 c");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 3U);
}

TEST_F(JobSync, ADeadProcessLeavesItsAttemptsUnknownAndTheyAreRepeatedAFewTimes) {
  source.items = 1;
  for (int i = 0; i < 4; ++i) {
    open();
    turn();
    EXPECT_EQ(waiting("sync"), 1U) << i;
  }
  open();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(ledger().size(), 4U);
  EXPECT_THAT(output()[0], HasSubstr("given up after 4 attempts"));
  EXPECT_TRUE(store.items.empty());
  EXPECT_TRUE(journal.entries().empty());
}

TEST_F(JobSync, AnAnswerThatWasWrittenButNotCommittedIsKept) {
  source.items = 2;
  open();
  turn();
  answer("sync", 200, "7 3 a");
  open();  // no turn since: nothing was committed
  EXPECT_EQ(engine->progress().succeeded, 1U);
  EXPECT_EQ(engine->progress().spent.pico, 37);
  turn();
  EXPECT_EQ(waiting("sync"), 1U);  // the other one, whose outcome was not seen
  answer("sync", 200, "1 1 b");
  EXPECT_TRUE(turn().done);
  ASSERT_EQ(ledger().size(), 3U);
  EXPECT_TRUE(ledger()[0].answered);
  EXPECT_EQ(ledger()[1].outcome, Outcome::kUnknown);
}

TEST_F(JobSync, AnAnswerWhoseRecordIsTornIsBookedAndAskedForAgain) {
  source.items = 1;
  open();
  turn();
  answer("sync", 200, "7 3 a");
  auto& segment = files.bytes("store/results.segment");
  segment.resize(segment.size() - 1);
  open();
  turn();
  answer("sync", 200, "1 1 b");
  EXPECT_TRUE(turn().done);
  ASSERT_EQ(ledger().size(), 2U);
  EXPECT_EQ(ledger()[0].cost.pico, 37);
  EXPECT_FALSE(ledger()[0].answered);
  EXPECT_TRUE(ledger()[1].answered);
}

TEST_F(JobSync, DrainSendsNothingNewAndEndsWhenAllHasAnswered) {
  open();
  turn();
  engine->drain();
  answer("sync", 200, "1 1 a");
  const auto draining = turn();
  EXPECT_FALSE(draining.done);
  EXPECT_FALSE(draining.wake_at);
  EXPECT_EQ(waiting("sync"), 1U);
  answer("sync", 200, "1 1 b");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().ended(), 2U);
}

TEST_F(JobSync, RejectedItemsFailWithoutBeingSent) {
  source.rejected = {0, 1, 2};
  open();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(output().size(), 3U);
  EXPECT_TRUE(ledger().empty());
}

TEST_F(JobSync, AnAnswerThatFailsItsCheckIsPaidAndShown) {
  source.items = 1;
  open();
  turn();
  answer("sync", 200, "1 1 unfit");
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[0], HasSubstr(R"("answer_text":"unfit")"));
  EXPECT_EQ(engine->progress().failed, 1U);
  EXPECT_TRUE(ledger()[0].answered);
}

TEST_F(JobSync, TheFirstAnswerPrimesTheCacheBeforeTheFanOut) {
  provider.models.front().cache = catalogue::CacheMode::kAutomatic;
  provider.models.front().stacking = catalogue::Stacking::kMultiply;
  provider.models.front().prices.front().sync.cache_read = Price{0};
  source.prefix_bytes = 10'000;
  open();
  turn();
  EXPECT_EQ(waiting("sync"), 1U);
  answer("sync", 400);  // no answer yet
  turn();
  EXPECT_EQ(waiting("sync"), 1U);
  answer("sync", 200, "1 1 b");
  turn();
  EXPECT_EQ(waiting("sync"), 1U);  // the last one
}

TEST_F(JobSync, AFailedCommitIsToldAndTheNextProcessIsRight) {
  open();
  turn();
  answer("sync", 200, "1 1 a");
  store.broken = true;
  EXPECT_FALSE(engine->flush().has_value());
  store.broken = false;
  // From then on nothing is committed: memory may be half done.
  EXPECT_FALSE(engine->turn(now).has_value());
  open();
  turn();
  answer("sync", 200, "1 1 b");
  turn();
  answer("sync", 200, "1 1 c");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(output().size(), 3U);
  EXPECT_EQ(engine->progress().succeeded, 3U);
}

TEST_F(JobSync, AFullDiskAtTheEndOfAnItemLosesNothing) {
  source.items = 1;
  open();
  for (int i = 0; i < 3; ++i) {
    turn_after(1min);
    answer("sync", 500);
  }
  turn_after(1min);
  ASSERT_TRUE(engine->flush().has_value());
  files.full = true;
  EXPECT_FALSE(engine->on_answer(take("sync"), {500, {}, ""}, now).has_value());
  files.full = false;
  EXPECT_FALSE(engine->flush().has_value());
  open();
  EXPECT_EQ(store.items.size(), 1U);  // still to be tried
  turn();
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 1U);
}

TEST_F(JobSync, AJournalSmallerThanTheConcurrencySlowsItDownOnly) {
  journal = testing::MemoryJournal(1);
  open();
  for (int i = 0; i < 3; ++i) {
    turn();
    EXPECT_EQ(waiting("sync"), 1U);
    answer("sync", 200, "1 1 a");
    turn();  // commits, which frees the slot
  }
  EXPECT_TRUE(turn().done);
}

TEST_F(JobSync, AnotherJobInTheSameStoreIsRefusedByName) {
  open();
  options.identity.model = "n";
  const auto opened = try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(opened.error().message, HasSubstr("the model (was m, is n)"));
}

TEST_F(JobSync, ADoneJobStaysDone) {
  source.items = 1;
  open();
  turn();
  answer("sync", 200, "1 1 a");
  turn();
  engine->add_wall(5s);
  turn();
  open();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(output().size(), 1U);
  EXPECT_EQ(store.job().wall, Duration(5s));
  EXPECT_EQ(engine->progress().spent.pico, 11);
}

}  // namespace
}  // namespace weir::engine
