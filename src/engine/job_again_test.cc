// What a human sets going again, as scripts of events: retries of ended items, and held batches that are settled.
#include <gmock/gmock.h>

#include <tuple>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using testing::Bench;
using ::testing::HasSubstr;
using How = provider::Settlement::How;
using Outcome = cost::LedgerEntry::Outcome;

class Again : public Bench, public ::testing::Test {
 protected:
  // Turns until nothing is waiting, answering every sync request; those in `bad` are refused for good.
  void run_sync(const std::set<std::uint64_t>& bad = {}) {
    for (int i = 0; i < 50; ++i) {
      if (turn().done) return;
      while (waiting("sync") > 0) {
        const auto call = std::ranges::find(calls, "sync", &Call::operation);
        const auto text = std::get<std::string>(call->plan.body.front());
        const bool refused = bad.contains(std::stoull(text.substr(5)));
        answer("sync", refused ? 400 : 200, refused ? "" : "10 2 fine");
      }
    }
    ADD_FAILURE() << "the job does not end";
  }
  // Those of `only`; all when it is empty.
  std::uint64_t retry(const std::set<std::uint64_t>& only = {}) {
    asked_.clear();
    const auto count = engine->retry(
        [&](const ResultLog::Record& record) -> Result<bool> {
          asked_.push_back(record.item);
          return only.empty() || only.contains(record.item);
        },
        now);
    EXPECT_TRUE(count.has_value()) << count.error().text();
    return count.value_or(0);
  }
  void expect_answers(std::uint64_t count) {
    const auto lines = output();
    ASSERT_EQ(lines.size(), count);
    for (std::uint64_t i = 0; i < count; ++i) {
      EXPECT_THAT(lines[i], HasSubstr(fmt::format(R"("id":"id-{}")", i)));
      EXPECT_THAT(lines[i], HasSubstr(R"("answer")"));
    }
    std::set<std::uint64_t> answered;
    for (const auto& entry : ledger())
      if (entry.answered) EXPECT_TRUE(answered.insert(entry.item).second) << entry.item;
    EXPECT_EQ(answered.size(), count);
    EXPECT_TRUE(store.items.empty());
    EXPECT_FALSE(files.has("store/output.new"));
  }
  void expect_lines_answered(std::uint64_t count) {
    const auto lines = output();
    ASSERT_EQ(lines.size(), count);
    for (const auto& line : lines) EXPECT_THAT(line, HasSubstr(R"("answer")"));
    EXPECT_TRUE(store.items.empty());
  }
  void hold_at_create() {
    options.wish = plan::RouteWish::kBatch;
    open();
    turn();
    answer("create", 403);
    turn();
    ASSERT_EQ(store.batch(1).phase, BatchPhase::kHeld);
  }
  Result<void> settle(How how, std::string id = "", std::uint64_t number = 1) {
    return engine->settle(number, {.how = how, .provider_batch_id = std::move(id)}, now);
  }
  // From the poll of batch `number` to its end, with an answer to each of three items.
  void finish_batch(std::uint64_t number) {
    turn();
    if (waiting("create") > 0) {
      answer("create", 200);
      turn();
      turn_after(10s);
    }
    answer("poll", 200, "ended");
    turn();
    std::string text;
    for (std::uint64_t i = 0; i < store.batch(number).items; ++i)
      text += row_id(i, number) + " ok 10 0 2\n";
    rows(text);
    turn();
    answer("delete", 200);
    EXPECT_TRUE(turn().done);
  }
  std::vector<std::uint64_t> asked_;
};

TEST_F(Again, WhatFailedIsTriedAgainAndTheRestIsLeftAlone) {
  open();
  run_sync({1});
  const auto before = output();
  ASSERT_THAT(before[1], HasSubstr(R"("error")"));
  EXPECT_EQ(retry(), 1U);
  EXPECT_EQ(asked_, (std::vector<std::uint64_t>{1}));  // only of what has no answer
  EXPECT_EQ(output(), before);                         // the old output stands until the end
  EXPECT_EQ(engine->progress().failed, 0U);
  run_sync();
  expect_answers(3);
  EXPECT_EQ(output()[0], before[0]);
  EXPECT_THAT(output()[1], HasSubstr("tried again by hand"));
  EXPECT_EQ(store.job().phase, JobPhase::kDone);
  EXPECT_EQ(store.job().output.items, 3U);
  EXPECT_EQ(retry(), 0U);
  EXPECT_EQ(store.job().phase, JobPhase::kDone);
}

TEST_F(Again, AnEarlierAnswerOfTheItemBecomesARepeat) {
  open();
  turn();
  answer("sync", 200, "10 2 unfit");
  run_sync();
  ASSERT_EQ(ledger().size(), 3U);
  ASSERT_EQ(engine->progress().failed, 1U);
  const auto spent = engine->progress().spent;
  EXPECT_EQ(retry(), 1U);
  EXPECT_EQ(engine->progress().spent, spent);
  run_sync();
  expect_answers(3);
  EXPECT_EQ(ledger().size(), 4U);  // what the failed try cost stays
}

// What was not billed has no entry, so a later process may give its sequence to another attempt.
TEST_F(Again, AnotherItemsAnswerIsNotUndone) {
  open();
  run_sync({1, 2});
  ASSERT_EQ(ledger().size(), 1U);
  open();
  EXPECT_EQ(retry({2}), 1U);
  run_sync();
  EXPECT_EQ(retry(), 1U);
  run_sync();
  expect_answers(3);
}

TEST_F(Again, ManyItemsThatAreNotSentEndAgain) {
  provider.batch->requests_max = 10;
  options.wish = plan::RouteWish::kBatch;
  source.items = 40;
  for (std::uint64_t item = 0; item < source.items; ++item) source.rejected.insert(item);
  open();
  for (int i = 0; i < 20 && !turn().done; ++i) continue;
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(retry(), 40U);
    bool done = false;
    for (int i = 0; i < 20 && !done; ++i) {
      const auto next = engine->turn(now);
      ASSERT_TRUE(next.has_value()) << next.error().text();
      done = next->done;
    }
    EXPECT_TRUE(done);
    EXPECT_EQ(output().size(), 40U);
  }
}

TEST_F(Again, ACrashAtAnyCommitLosesNothing) {
  for (std::size_t crash = 0; crash < 8; ++crash) {
    store = {};
    files = {};
    journal = testing::MemoryJournal{64};
    calls.clear();
    open();
    run_sync({0, 2});
    EXPECT_EQ(retry(), 2U);
    std::size_t commits = 0;
    for (int i = 0; i < 50; ++i) {
      if (commits++ == crash) {  // this turn's commit fails: the process dies of it
        store.broken = true;
        const auto failed = engine->turn(now);
        store.broken = false;
        if (!failed || crash % 2 == 0) open();
      }
      if (turn().done) break;
      while (waiting("sync") > 0) answer("sync", 200, "10 2 fine");
    }
    open();
    EXPECT_TRUE(turn().done);
    const auto lines = output();
    ASSERT_EQ(lines.size(), 3U) << crash;
    for (const auto& line : lines) EXPECT_THAT(line, HasSubstr(R"("answer")")) << crash;
    EXPECT_TRUE(store.items.empty());
  }
}

TEST_F(Again, ADeathBetweenTheNewOutputAndItsCommitWritesItAgain) {
  open();
  run_sync({1});
  EXPECT_EQ(retry(), 1U);
  turn();
  answer("sync", 200, "10 2 fine");
  store.broken = true;
  EXPECT_FALSE(engine->turn(now).has_value());
  store.broken = false;
  // As if the rename had happened: the new file is gone, the old one replaced.
  std::ignore = files.rename("store/output.new", "out");
  open();
  run_sync();
  expect_answers(3);
}

TEST_F(Again, ADeathBeforeTheSlotsAreClearedOpensTheItemsAllTheSame) {
  open();
  run_sync({0, 1, 2});
  const auto slots = files.bytes("store/results.slots");
  EXPECT_EQ(retry(), 3U);
  files.bytes("store/results.slots") = slots;  // what was written after the commit is lost
  open();
  EXPECT_EQ(engine->progress().failed, 0U);
  run_sync();
  expect_answers(3);
}

TEST_F(Again, OnlyAJobThatHasEndedIsRetried) {
  open();
  turn();
  const auto refused = engine->retry([](const auto&) -> Result<bool> { return true; }, now);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalidArgument);
  run_sync();  // and goes on
}

TEST_F(Again, CancelledItemsAreOpenedAgain) {
  source.items = 6;
  open();
  turn();
  ASSERT_TRUE(engine->cancel().has_value());
  run_sync();
  ASSERT_EQ(engine->progress().cancelled, 4U);
  open();
  EXPECT_EQ(retry(), 4U);
  EXPECT_FALSE(store.job().cancel_wanted);
  run_sync();
  expect_answers(6);
}

TEST_F(Again, ABatchJobPlansThemIntoABatch) {
  run_batch_to_collect();
  rows(row_id(0) + " ok 10 0 2\n" + row_id(1) + " error bad\n" + row_id(2) + " ok 10 0 2\n");
  turn();
  answer("delete", 200);
  ASSERT_TRUE(turn().done);
  EXPECT_EQ(retry(), 1U);
  turn();
  finish_batch(2);
  EXPECT_EQ(store.batch(2).items, 1U);
  expect_answers(3);
}

TEST_F(Again, ADeadlineThatHasPassedIsNoReasonToFail) {
  options.deadline = now + 1h;
  open();
  run_sync({1});
  now += 2h;
  EXPECT_EQ(retry(), 1U);
  EXPECT_FALSE(store.job().deadline.has_value());
  run_sync();
  expect_answers(3);
}

TEST_F(Again, IdenticalRequestsAreSentOnceThenAsWell) {
  source.items = 6;
  source.same = {{1, 0}, {3, 0}, {5, 2}};
  open();
  run_sync({0});
  ASSERT_EQ(engine->progress().failed, 3U);
  EXPECT_EQ(retry(), 3U);
  EXPECT_EQ(asked_, (std::vector<std::uint64_t>{0, 1, 3}));
  turn();
  EXPECT_EQ(waiting("sync"), 1U);
  open();  // a death in its middle
  run_sync();
  expect_lines_answered(6);
  EXPECT_EQ(store.job().same, 3U);
  EXPECT_EQ(store.job().same_cost.pico, 3 * 30);
}

TEST_F(Again, ARepeatIsNotTriedWithoutTheItemThatItRepeats) {
  source.items = 6;
  source.same = {{1, 0}, {3, 0}, {5, 2}};
  open();
  run_sync({0});
  EXPECT_EQ(retry({3}), 2U);
  run_sync();
  EXPECT_THAT(output()[0], HasSubstr(R"("answer")"));
  EXPECT_THAT(output()[1], HasSubstr(R"("error")"));  // nobody asked_ for it
  EXPECT_THAT(output()[3], HasSubstr(R"("answer")"));
  EXPECT_EQ(store.job().phase, JobPhase::kDone);
}

// The first item's paid answer was unfit, the next one costs more; in between its repeats stand with the old one.
TEST_F(Again, WhatRepeatsWouldHaveCostIsWhatTheirAnswersDid) {
  source.items = 6;
  source.same = {{1, 0}, {3, 0}, {5, 2}};
  open();
  turn();
  answer("sync", 200, "10 2 unfit");
  run_sync();
  ASSERT_EQ(engine->progress().failed, 3U);
  EXPECT_EQ(retry({0}), 1U);
  turn();
  answer("sync", 200, "100 2 fine");
  run_sync();
  EXPECT_EQ(retry(), 2U);
  run_sync();
  expect_lines_answered(6);
  EXPECT_EQ(store.job().same, 3U);
  EXPECT_EQ(store.job().same_cost.pico, 2 * 120 + 30);
}

TEST_F(Again, ABatchThatWasNotMadeIsPlannedAgain) {
  hold_at_create();
  ASSERT_TRUE(settle(How::kNotMade).has_value());
  turn();
  EXPECT_EQ(store.batch(1).phase, BatchPhase::kRefused);
  finish_batch(2);
  expect_answers(3);
  EXPECT_EQ(engine->progress().exposure.pico, 0);
  EXPECT_EQ(engine->progress().reserved.pico, 0);
  EXPECT_EQ(engine->progress().batches_held, 0U);
}

TEST_F(Again, ALostBatchStandsInTheLedgerAtItsCeiling) {
  hold_at_create();
  const auto ceiling = store.batch(1).ceiling;
  open();  // the next process
  ASSERT_TRUE(settle(How::kLost).has_value());
  turn();
  EXPECT_EQ(store.batch(1).phase, BatchPhase::kEnded);
  finish_batch(2);
  expect_answers(3);
  Money unknown;
  for (const auto& entry : ledger())
    if (entry.outcome == Outcome::kUnknown) unknown = unknown + entry.cost;
  EXPECT_EQ(unknown, ceiling);
  EXPECT_EQ(engine->progress().exposure.pico, ceiling.pico);
  EXPECT_EQ(engine->progress().reserved.pico, 0);
}

TEST_F(Again, ABatchThatWasNamedIsCollected) {
  hold_at_create();
  ASSERT_TRUE(settle(How::kAdopt, "b9").has_value());
  turn();
  EXPECT_EQ(store.batch(1).view.provider_batch_id, "b9");
  EXPECT_EQ(store.batch(1).settled, Settled::kAdopted);
  open();  // a death does not undo it
  finish_batch(1);
  expect_answers(3);
}

TEST_F(Again, WhatCannotBeTrueIsRefused) {
  provider.batch->requests_max = 10;
  source.items = 12;
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  turn();
  answer("create", 403);
  turn();
  answer("create", 200);
  turn();
  EXPECT_EQ(settle(How::kLost, "", 7).error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(settle(How::kLost, "", 2).error().message, HasSubstr("is not held: it is running"));
  EXPECT_THAT(settle(How::kAdopt, "b").error().message, HasSubstr("that is batch 2"));
  for (const auto* id : {"", "../x", "a b", ".."})
    EXPECT_EQ(settle(How::kAdopt, id).error().kind, ErrorKind::kInvalidArgument) << id;
  EXPECT_EQ(store.batch(1).phase, BatchPhase::kHeld);
  EXPECT_TRUE(settle(How::kNotMade).has_value());  // none of it has stopped the engine
}

TEST_F(Again, ABatchThatTheProviderHasWasMade) {
  options.batch_timeout = 1h;
  run_batch_to_collect();
  auto state = store.batch(1);
  state.phase = BatchPhase::kHeld;
  store.aggregates.at({AggregateKind::kBatch, 1}).second = state.encode();
  open();
  EXPECT_THAT(settle(How::kNotMade).error().message,
              HasSubstr("was made: the provider has it as b"));
}

TEST_F(Again, OfACancelledJobALostBatchIsBookedAndNothingIsTriedAgain) {
  hold_at_create();
  ASSERT_TRUE(engine->cancel().has_value());
  ASSERT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().cancelled, 3U);
  open();
  const auto early = engine->retry([](const auto&) -> Result<bool> { return true; }, now);
  EXPECT_THAT(early.error().message, HasSubstr("1 batches of job"));
  ASSERT_TRUE(settle(How::kLost).has_value());
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(store.job().phase, JobPhase::kDone);
  EXPECT_EQ(engine->progress().cancelled, 3U);
  EXPECT_EQ(ledger().size(), 3U);
  EXPECT_EQ(engine->progress().reserved.pico, 0);
}

}  // namespace
}  // namespace weir::engine
