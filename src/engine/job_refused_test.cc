// Batches that the provider refuses, stops that are asked for, deadlines: as scripts of events.
#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using testing::Bench;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;

class JobRefused : public Bench, public ::testing::Test {
 protected:
  JobRefused() {
    options.wish = plan::RouteWish::kBatch;
    options.concurrency_max = 64;
    options.batches_running_max = 1;
  }
  void start() {
    open();
    turn();
  }
  [[nodiscard]] const std::string& image(std::uint64_t batch) {
    return files.bytes(fmt::format("store/batch-{}.image", batch));
  }
  // Answers creates as a provider that refuses a batch with one of these items in it, without saying which; the others are
  // accepted and run to their end. The creates it took.
  std::uint64_t play(const std::vector<std::uint64_t>& bad) {
    std::uint64_t creates = 0;
    for (; waiting("create") > 0; turn(), turn()) {
      const auto number = store.job().batches;
      const bool refused = std::ranges::any_of(bad, [&](auto item) {
        return image(number).find(fmt::format("text {},", item)) != std::string::npos ||
               image(number).find(fmt::format("text {}]", item)) != std::string::npos;
      });
      ++creates;
      answer("create", refused ? 400 : 200);
      turn();
      if (!refused) run_to_end(number);
    }
    return creates;
  }
  // Batch 1 is cancelled; only this member has a row.
  void stop_with(std::uint64_t sequence) {
    answer("cancel", 200);
    turn();
    turn_after(10s);
    answer("poll", 200, "ended");
    turn();
    rows(row_id(sequence) + " ok 10 0 2\n");
    turn();
    answer("delete", 200);
  }
  void run_to_end(std::uint64_t number) {
    turn_after(10s);
    answer("poll", 200, "ended");
    turn();
    std::string text;
    const auto count = store.batch(number).members.count;
    for (std::uint64_t s = 0; s < count; ++s)
      if (image(number).find(row_id(s, number) + " ") != std::string::npos)
        text += row_id(s, number) + " ok 10 0 2\n";
    rows(text);
    turn();
    answer("delete", 200);
  }
};

TEST_F(JobRefused, AnUnnamedBadLineIsFoundByHalves) {
  source.items = 64;
  source.rejected = {3, 40};
  for (const std::uint64_t bad : {0U, 37U, 63U}) {
    store = {};
    files = {};
    start();
    EXPECT_LE(play({bad}), 14U);  // 6 halvings, two creates each, the first, and the line alone
    EXPECT_EQ(engine->progress().succeeded, 61U);
    ASSERT_EQ(waiting("sync"), 1U)
        << "the line alone goes by the standard API, which says what is wrong";
    answer("sync", 400);
    EXPECT_TRUE(turn().done);
    EXPECT_EQ(engine->progress().failed, 3U);
    EXPECT_EQ(ledger().size(), 61U);
    EXPECT_TRUE(store.job().parts.empty());
  }
}

TEST_F(JobRefused, TheHalvesSurviveARestart) {
  source.items = 16;
  start();
  answer("create", 400);
  turn();
  for (int i = 0; i < 3; ++i) {
    open();
    turn();
    lose("list", ErrorKind::kUnavailable);
    turn();
  }
  play({9});
  EXPECT_EQ(engine->progress().succeeded, 15U);
  EXPECT_EQ(waiting("sync"), 1U);
}

TEST_F(JobRefused, WhereEveryBatchIsRefusedTheStandardApiDoesTheWork) {
  source.items = 300'000;
  provider.batch->requests_max = 1'000'000;
  std::vector<std::uint64_t> all;
  start();
  std::uint64_t creates = 0;
  for (int turns = 0; turns < 2000 && waiting("create") + waiting("sync") < 60; ++turns) {
    while (waiting("create") > 0) {
      ++creates;
      answer("create", 400);
    }
    turn();
  }
  EXPECT_LE(creates, 60U);
  EXPECT_GE(waiting("sync"), 60U);
}

TEST_F(JobRefused, WithoutFallbackItemsFailWithTheReason) {
  options.fallback_to_standard = false;
  source.items = 2;
  start();
  play({0, 1});
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().failed, 2U);
  EXPECT_THAT(output(), Each(HasSubstr("was refused")));
  EXPECT_EQ(waiting("sync"), 0U);
}

TEST_F(JobRefused, AFullQueueIsWaitedOut) {
  start();
  for (int i = 1; i <= 3; ++i) {
    answer("create", 429, "", {});
    turn();
    EXPECT_EQ(waiting("create"), 0U);
    EXPECT_EQ(waiting("sync"), 0U);
    turn_after(i * 1min + 1s);
    turn();
    ASSERT_EQ(waiting("create"), 1U);
  }
  play({});
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 3U);
}

TEST_F(JobRefused, ASubmissionThatTakesTooLongFallsBack) {
  options.fallback_timeout = 30s;
  start();
  for (int i = 0; i < 3; ++i) {
    answer("create", 503);
    turn();
    turn_after(10s);
  }
  answer("create", 503);
  turn();
  turn_after(10s);
  EXPECT_EQ(waiting("create"), 0U);
  turn();
  EXPECT_EQ(waiting("sync"), 3U);
  EXPECT_THAT(store.job().reasons, Contains(HasSubstr("submitting it took too long")));
}

TEST_F(JobRefused, ARunningBatchIsBoundedByBatchTimeout) {
  options.batch_timeout = 1h;
  start();
  answer("create", 200);
  turn();
  turn_after(59min);
  answer("poll", 200, "running");
  turn();
  turn_after(2min);
  EXPECT_EQ(waiting("poll"), 0U);
  stop_with(1);
  turn();
  EXPECT_EQ(waiting("sync"), 2U);
}

// The deadline leaves two hours: no progress is seen, so the batch is stopped in time for its tail.
TEST_F(JobRefused, NearTheDeadlineABatchIsStoppedAndItsTailGoesSync) {
  options.deadline = now + 2h;
  start();
  answer("create", 200);
  turn();
  turn_after(100min);
  answer("poll", 200, "running");
  turn();
  turn_after(590s);
  stop_with(0);
  turn();
  EXPECT_EQ(waiting("sync"), 2U);
  EXPECT_EQ(store.batch(1).stop, StopCause::kDeadline);
  answer("sync", 200, "1 1 a");
  answer("sync", 200, "1 1 b");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(ledger().size(), 3U);
}

// What is nearly done is not stopped; what stalls is.
TEST_F(JobRefused, ABatchThatWillBeInTimeIsLeftToRun) {
  for (const bool stalls : {false, true}) {
    store = {};
    files = {};
    calls.clear();
    source.items = 200;
    options.deadline = now + 2h;
    start();
    answer("create", 200);
    turn();
    turn_after(100min);
    for (int done = 150; done < 190; done += 2) {  // to ten minutes before the deadline
      ASSERT_EQ(waiting("cancel"), 0U) << done;
      answer("poll", 200, fmt::format("running {}", stalls ? std::min(done, 184) : done));
      turn();
      turn_after(30s);
    }
    EXPECT_EQ(waiting("cancel"), stalls ? 1U : 0U);
  }
}

TEST_F(JobRefused, ADeadlineTooNearForAnotherBatchSendsTheRestByTheStandardApi) {
  source.items = 20;
  provider.batch->requests_max = 10;  // 9 a batch
  options.deadline = now + 100min;
  start();
  answer("create", 200);
  turn();
  turn_after(40min);
  answer("poll", 200, "running");
  EXPECT_EQ(waiting("sync"), 0U);
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(row_id(0) + " ok 10 0 2\n");
  turn();
  answer("delete", 200);
  turn();
  turn();
  EXPECT_EQ(waiting("create"), 0U);
  EXPECT_EQ(waiting("sync"), 19U);
}

class JobCancel : public JobRefused {};

TEST_F(JobCancel, WhatRanIsTakenAndTheRestIsCancelled) {
  source.items = 30;
  provider.batch->requests_max = 10;
  start();
  answer("create", 200);
  turn();
  ASSERT_TRUE(engine->cancel());
  turn();
  EXPECT_FALSE(turn().done);
  open();  // the wish outlives the process
  turn();
  answer("cancel", 200);
  turn();
  EXPECT_EQ(waiting("create"), 0U);
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(row_id(4) + " ok 10 0 2\n");
  turn();
  answer("delete", 200);
  while (!turn().done) ASSERT_TRUE(calls.empty());
  EXPECT_EQ(engine->progress().succeeded, 1U);
  EXPECT_EQ(engine->progress().cancelled, 29U);
  EXPECT_EQ(output().size(), 30U);
  EXPECT_THAT(output()[5], HasSubstr("the job was cancelled"));
  EXPECT_EQ(store.job().phase, JobPhase::kDone);
  EXPECT_FALSE(files.has("store/batch-2.image"));
}

TEST_F(JobCancel, ASyncAnswerUnderWayIsTaken) {
  options.wish = plan::RouteWish::kSync;
  options.concurrency_max = 1;
  start();
  ASSERT_TRUE(engine->cancel());
  EXPECT_FALSE(turn().done);
  answer("sync", 200, "1 1 a");
  while (!turn().done) ASSERT_TRUE(calls.empty());
  EXPECT_EQ(engine->progress().succeeded, 1U);
  EXPECT_EQ(engine->progress().cancelled, 2U);
  EXPECT_EQ(ledger().size(), 1U);
}

// Found by simulation: the part's items were in flight when the process died, and the part was still planned.
TEST_F(JobRefused, WhatAPartSentBeforeACrashIsNotSentWithThePartAgain) {
  source.items = 8;
  options.concurrency_max = 32;
  options.deadline = now + 26h;
  start();
  answer("create", 400);
  turn();
  now += 25h + 50min;  // no time for another batch
  answer("create", 400);
  for (int i = 0; i < 3; ++i) turn();  // two quarters and the other half
  ASSERT_EQ(waiting("sync"), 8U);
  calls.clear();
  open();
  for (int i = 0; i < 10; ++i) turn_after(1s);
  EXPECT_EQ(waiting("sync"), 8U);
  EXPECT_EQ(store.job().batches, 2U);
}

}  // namespace
}  // namespace weir::engine
