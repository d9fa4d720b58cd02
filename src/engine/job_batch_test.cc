// The batch route as scripts of events.
#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using testing::Bench;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Outcome = cost::LedgerEntry::Outcome;

class JobBatch : public Bench, public ::testing::Test {
 protected:
  // The batch's rows were read: it is deleted at the provider and ends.
  void end_batch() {
    turn();
    answer("delete", 200);
    turn();
  }
  // The items of a batch, by what its image holds.
  std::vector<std::uint64_t> members(std::uint64_t batch) {
    std::vector<std::uint64_t> out;
    const auto& image = files.bytes(fmt::format("store/batch-{}.image", batch));
    for (auto at = image.find("text "); at != std::string::npos; at = image.find("text ", at + 1))
      out.push_back(std::stoull(image.substr(at + 5)));
    return out;
  }
  std::string ok(std::uint64_t sequence, std::uint64_t batch = 1) const {
    return row_id(sequence, batch) + " ok 10 0 2\n";
  }
  std::string error(std::uint64_t sequence, std::string_view kind) const {
    return fmt::format("{} error {}\n", row_id(sequence), kind);
  }
};

TEST_F(JobBatch, EveryRowAnswersItsItem) {
  run_batch_to_collect();
  EXPECT_THAT(files.bytes("store/batch-1.image"), StartsWith("[" + row_id(0) + " text 0,"));
  rows(ok(2) + ok(0) + ok(1));
  end_batch();
  EXPECT_TRUE(turn().done);
  ASSERT_EQ(output().size(), 3U);
  EXPECT_THAT(output()[0], HasSubstr(R"("id":"id-0")"));
  EXPECT_THAT(output()[0], HasSubstr(R"("route":"batch")"));
  ASSERT_EQ(ledger().size(), 3U);
  EXPECT_EQ(ledger()[2].cost.pico, 30);
  EXPECT_EQ(store.batch(1).phase, BatchPhase::kEnded);
  EXPECT_FALSE(files.has("store/batch-1.image"));
  EXPECT_EQ(engine->progress().reserved.pico, 0);
}

TEST_F(JobBatch, ResultsInAnAvroFile) {
  adapter.avro = true;
  run_batch_to_collect();
  const auto text = [](std::string_view value) {  // of at most 63 bytes
    return std::string(1, static_cast<char>(value.size() * 2)) + std::string(value);
  };
  const std::string sync = "0123456789abcdef";
  const auto block = [&](std::uint64_t sequence) {
    return "\x02" + text(text(row_id(sequence) + " ok 10 0 2")) + sync;
  };
  const auto head = std::string("Obj\1\x02", 5) + text("avro.schema") + text("\"string\"") +
                    std::string("\0", 1) + sync;
  // The first breaks off: what came of it is kept, and it is asked for again.
  rows(head + block(2) + block(0).substr(0, 9));
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  EXPECT_EQ(store.batch(1).rows, 1U);
  rows(head + block(2) + block(0) + block(1));
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(output().size(), 3U);
  EXPECT_EQ(ledger().size(), 3U);
  EXPECT_EQ(store.batch(1).duplicates, 0U);
}

TEST_F(JobBatch, ResultsInPages) {
  adapter.rows_member = "rows";
  run_batch_to_collect();
  const auto row = [&](std::uint64_t sequence) { return "\"" + row_id(sequence) + " ok 10 0 2\""; };
  // The first breaks off: what came of it is kept, and it is asked for again.
  rows(R"({"rows":[)" + row(2) + "," + row(0));
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(R"({"rows":[)" + row(2) + "," + row(0) + R"(],"next":"more"})");
  turn();
  EXPECT_EQ(store.batch(1).rows, 2U);
  rows(R"({"rows":[)" + row(1) + R"(],"next":null})");
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(output().size(), 3U);
  EXPECT_EQ(ledger().size(), 3U);
  EXPECT_EQ(store.batch(1).lines.at("results"), 3U);
  EXPECT_EQ(store.batch(1).duplicates, 0U);
}

TEST_F(JobBatch, TheJobIsNotDoneWhileABatchIsTidiedUp) {
  run_batch_to_collect();
  rows(ok(0) + ok(1) + ok(2));
  EXPECT_FALSE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 3U);
  EXPECT_EQ(store.job().phase, JobPhase::kRunning);
  open();  // the process dies; the next one deletes it
  turn();
  answer("delete", 200);
  EXPECT_TRUE(turn().done);
}

TEST_F(JobBatch, ItemsThatNeverRanGoIntoANewBatch) {
  run_batch_to_collect();
  rows(ok(0) + row_id(1) + " expired\n");  // and item 2 has no row at all
  end_batch();
  EXPECT_EQ(store.items.size(), 2U);
  turn();
  turn();
  ASSERT_EQ(waiting("create"), 1U);
  EXPECT_EQ(members(2), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(store.items.at(1).state, ItemRow::State::kInBatch);
  answer("create", 200);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(ok(0, 2) + ok(1, 2));
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[2], HasSubstr(R"("reasons":["batch 1 ended)"));
  EXPECT_TRUE(store.items.empty());
}

TEST_F(JobBatch, AfterTwoMoreBatchesAnItemGoesByTheStandardApi) {
  source.items = 2;
  run_batch_to_collect();
  rows("");
  end_batch();
  for (std::uint64_t batch = 2; batch <= 3; ++batch) {
    turn();
    turn();
    answer("create", 200);
    turn();
    turn_after(10s);
    answer("poll", 200, "ended");
    turn();
    rows("");
    end_batch();
  }
  turn();
  EXPECT_EQ(waiting("create"), 0U);
  EXPECT_EQ(waiting("sync"), 2U);
}

TEST_F(JobBatch, AnErroredRowIsTriedOnceBySyncHoweverOftenItIsRead) {
  run_batch_to_collect();
  const auto call = take("collect results");
  ASSERT_TRUE(engine->on_rows(call, ok(0) + error(1, "passing"), now).value());
  turn_after(1min);
  EXPECT_EQ(waiting("sync"), 1U);
  ASSERT_TRUE(engine->on_rows(call, error(1, "passing") + ok(2), now).value());
  ASSERT_TRUE(engine->on_rows_end(call, now).has_value());
  end_batch();
  turn_after(1min);
  EXPECT_EQ(waiting("sync"), 1U);    // still the one
  EXPECT_EQ(waiting("create"), 0U);  // nor planned again
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(store.batch(1).duplicates, 1U);
  EXPECT_THAT(output()[1], HasSubstr(R"("attempts":2)"));
}

TEST_F(JobBatch, AnErroredRowStaysWithItsRetryAcrossARestart) {
  run_batch_to_collect();
  const auto call = take("collect results");
  ASSERT_TRUE(engine->on_rows(call, error(1, "passing"), now).value());
  ASSERT_TRUE(engine->flush().has_value());
  open();
  turn();
  EXPECT_EQ(waiting("sync"), 1U);
  rows(ok(0) + error(1, "passing") + ok(2));  // from its first line again
  end_batch();
  turn_after(1min);
  EXPECT_EQ(waiting("sync"), 1U);
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(ledger().size(), 3U);
}

TEST_F(JobBatch, ARowThatFailsForGoodEndsItsItem) {
  run_batch_to_collect();
  rows(ok(0) + error(1, "invalid") + ok(2));
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().failed, 1U);
  EXPECT_THAT(output()[1], HasSubstr(R"("message":"invalid")"));
}

TEST_F(JobBatch, ASuccessAfterAnErrorIsTakenAndTheRetryIsARepeat) {
  run_batch_to_collect();
  const auto call = take("collect results");
  ASSERT_TRUE(engine->on_rows(call, error(0, "passing"), now).value());
  turn_after(1min);
  ASSERT_TRUE(engine->on_rows(call, ok(0) + ok(1) + ok(2), now).value());
  answer("sync", 200, "1 1 late");
  ASSERT_TRUE(engine->on_rows_end(call, now).has_value());
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[0], HasSubstr(R"("answer":"answer")"));
  ASSERT_EQ(ledger().size(), 4U);
  EXPECT_FALSE(ledger()[0].answered);  // the sync attempt, batch 0
  EXPECT_EQ(ledger()[0].cost.pico, 11);
}

TEST_F(JobBatch, ABilledRowForAnItemThatEndedElsewhereIsBookedOnce) {
  run_batch_to_collect();
  const auto call = take("collect results");
  ASSERT_TRUE(engine->on_rows(call, error(0, "passing"), now).value());
  turn_after(1min);
  answer("sync", 200, "1 1 first");
  ASSERT_TRUE(engine->on_rows(call, ok(0) + ok(0) + ok(1) + ok(2), now).value());
  ASSERT_TRUE(engine->on_rows_end(call, now).has_value());
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_THAT(output()[0], HasSubstr(R"("answer":"first")"));
  ASSERT_EQ(ledger().size(), 4U);
  EXPECT_EQ(engine->progress().spent.pico, 11 + 3 * 30);
}

TEST_F(JobBatch, ARowBilledButUnreadableIsBookedOnceAcrossARestart) {
  run_batch_to_collect();
  const auto call = take("collect results");
  const auto unreadable = row_id(1) + " unreadable 40\n";
  ASSERT_TRUE(engine->on_rows(call, ok(0) + unreadable + unreadable, now).value());
  ASSERT_TRUE(engine->flush().has_value());
  EXPECT_EQ(engine->progress().spent.pico, 70);
  open();
  turn();
  answer("sync", 200, "1 1 a");
  rows(ok(0) + unreadable + ok(2));
  end_batch();
  EXPECT_TRUE(turn().done);
  ASSERT_EQ(ledger().size(), 4U);
  EXPECT_EQ(engine->progress().spent.pico, 30 + 40 + 30 + 11);
  EXPECT_EQ(ledger()[2].sequence, 1U);  // of batch 1
  EXPECT_FALSE(ledger()[2].answered);
}

TEST_F(JobBatch, ALineThatIsNoRowLeavesItsItemUnknownAndTriedAgain) {
  run_batch_to_collect();
  rows(ok(0) + row_id(1) + "\" garbage\n" + ok(2) + "nonsense\n");
  end_batch();
  turn_after(1min);
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(store.batch(1).broken, 2U);
  ASSERT_EQ(ledger().size(), 4U);
  EXPECT_EQ(ledger()[2].outcome, Outcome::kUnknown);
  EXPECT_GT(ledger()[2].cost.pico, 30);
}

TEST_F(JobBatch, AnArtefactCutInALineIsReadAgain) {
  run_batch_to_collect();
  rows(ok(0) + row_id(1) + " o");
  for (int i = 0; i < 2; ++i) {
    turn();
    turn_after(10s);
    answer("poll", 200, "ended");
    turn();
    rows(ok(0) + row_id(1) + " o");
  }
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(ok(0) + ok(1) + row_id(2) +
       " ok 10 0 2");  // a last line without its end is a line all the same
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(ledger().size(), 3U);
  EXPECT_EQ(engine->progress().exposure.pico, 0);
  EXPECT_EQ(store.batch(1).duplicates, 0U);
}

TEST_F(JobBatch, AnArtefactThatIsAlwaysCutThereIsTakenAsItStands) {
  run_batch_to_collect();
  for (int i = 0; i < 3; ++i) {
    rows(ok(0) + ok(1) + row_id(2) + "\" o");
    turn();
    turn_after(10s);
    answer("poll", 200, "ended");
    turn();
  }
  rows(ok(0) + ok(1) + row_id(2) + "\" o");
  end_batch();
  turn_after(1min);
  EXPECT_EQ(waiting("sync"), 1U);
}

TEST_F(JobBatch, ARefusedOrBrokenArtefactIsAskedForAgainAndItsRowsAreKept) {
  run_batch_to_collect();
  const auto call = take("collect results");
  ASSERT_TRUE(engine->on_rows(call, ok(0) + "half a li", now).value());
  ASSERT_TRUE(
      engine->on_failure(call, {.kind = ErrorKind::kDeadlineExceeded, .message = "cut"}, now)
          .has_value());
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  answer("collect results", 503);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(ok(0) + ok(1) + ok(2));
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(ledger().size(), 3U);
}

TEST_F(JobBatch, RowsOfAnotherBatchAreNotTaken) {
  run_batch_to_collect();
  const auto foreign = custom_id(BatchId{1, 2}, 0) + " ok 1 1 1\n";
  rows(foreign + foreign);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(ok(0) + foreign + ok(1) +
       ok(2));  // ours is confirmed by its first row: the stranger is passed over
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(store.batch(1).strangers, 1U);
  EXPECT_EQ(ledger().size(), 3U);
}

// Found by simulation: the batch's only row carried a number that none of its items has.
TEST_F(JobBatch, AFirstRowThatCannotBePlacedStillShowsWhoseBatchItIs) {
  run_batch_to_collect();
  rows(row_id(0) + "zz ok 1 1 1\n" + ok(1) + ok(2));
  turn();
  EXPECT_EQ(waiting("delete"), 1U);
  EXPECT_EQ(store.batch(1).strangers, 1U);
  EXPECT_EQ(engine->progress().succeeded, 2U);
}

TEST_F(JobBatch, UncommittedRowsAreReadAgainAfterACrash) {
  run_batch_to_collect();
  const auto call = take("collect results");
  ASSERT_TRUE(engine->on_rows(call, ok(0) + ok(1), now).value());
  open();
  EXPECT_EQ(engine->progress().ended(), 0U);
  turn();
  rows(ok(2) + ok(1) + ok(0));  // in another order
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(ledger().size(), 3U);
  EXPECT_EQ(output().size(), 3U);
}

TEST_F(JobBatch, ManyRowsAreCommittedOnTheWay) {
  source.items = 2500;
  provider.batch->requests_max = 10'000;
  run_batch_to_collect();
  const auto call = take("collect results");
  for (std::uint64_t sequence = 0; sequence < 2500; ++sequence)
    ASSERT_TRUE(engine->on_rows(call, ok(sequence), now).value());
  EXPECT_GE(store.ledger.size(), 2000U);
  EXPECT_GE(output().size(), 2000U);
  ASSERT_TRUE(engine->on_rows_end(call, now).has_value());
  end_batch();
  EXPECT_TRUE(turn().done);
}

TEST_F(JobBatch, RejectedItemsInTheMiddleKeepTheirSequenceUnused) {
  source.items = 5;
  source.rejected = {1, 3};
  run_batch_to_collect();
  EXPECT_EQ(store.batch(1).members.count, 5U);
  EXPECT_EQ(store.batch(1).items, 3U);
  rows(ok(0) + ok(2) + ok(4) + ok(1));  // a row for a rejected one is nobody's
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 3U);
  EXPECT_EQ(engine->progress().failed, 2U);
}

TEST_F(JobBatch, ANamedLineFailsItsItemAndTheOthersGoAgain) {
  source.items = 5;
  source.rejected = {1};
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  answer("create", 400, "line 2");  // the second line of the image is item 2
  turn();
  turn();
  EXPECT_EQ(waiting("create"), 1U);
  EXPECT_EQ(waiting("sync"), 0U);
  EXPECT_EQ(store.batch(2).items, 3U);
  EXPECT_THAT(files.bytes("store/batch-2.image"),
              AllOf(HasSubstr("text 0"), Not(HasSubstr("text 2"))));
  EXPECT_EQ(engine->progress().failed, 2U);
}

TEST_F(JobBatch, ARefusedKeyStopsTheJobAndKeepsItsItems) {
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  answer("create", 401);
  EXPECT_TRUE(turn().done);
  ASSERT_TRUE(engine->stopped());
  open();
  turn();
  turn();
  EXPECT_EQ(waiting("create"), 1U);
  EXPECT_EQ(store.batch(2).items, 3U);
}

TEST_F(JobBatch, AHeldBatchKeepsItsReserveAndTheJobEndsUnfinished) {
  provider.batch->requests_max = 10;
  source.items = 12;
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  turn();
  EXPECT_EQ(waiting("create"), 2U);
  answer("create", 403);
  turn();
  answer("create", 200);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(ok(0, 2) + ok(1, 2) + ok(2, 2));
  turn();
  answer("delete", 200);
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 3U);
  EXPECT_EQ(engine->progress().batches_held, 1U);
  EXPECT_EQ(engine->progress().reserved.pico, store.batch(1).ceiling.pico);
  open();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().reserved.pico, store.batch(1).ceiling.pico);
}

TEST_F(JobBatch, ACreateInDoubtIsLookedForAfterARestart) {
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  open();
  turn();
  EXPECT_EQ(waiting("create"), 0U);
  answer("list", 200, "none");
  turn();
  EXPECT_EQ(waiting("create"), 1U);
  EXPECT_EQ(store.batch(1).items, 3U);  // the same image
}

TEST_F(JobBatch, AHalfWrittenImageIsForgotten) {
  source.items = 12;
  source.bytes = 1'000'000;
  provider.batch->line_bytes_max = 2'000'000;
  options.wish = plan::RouteWish::kBatch;
  open();
  const auto filling = turn();
  EXPECT_EQ(filling.wake_at, now);  // some MB a turn
  EXPECT_TRUE(filling.calls.empty());
  EXPECT_TRUE(files.has("store/batch-1.image"));
  open();
  EXPECT_FALSE(files.has("store/batch-1.image"));
  for (int i = 0; i < 5; ++i) turn();
  EXPECT_EQ(waiting("create"), 1U);
  EXPECT_EQ(store.batch(1).items, 12U);
  EXPECT_EQ(files.bytes("store/batch-1.image").size(), store.batch(1).image_bytes);
}

TEST_F(JobBatch, WhileDrainingAnImageIsNotFinishedAndNobodyIsWoken) {
  source.items = 12;
  source.bytes = 1'000'000;
  provider.batch->line_bytes_max = 2'000'000;
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  engine->drain();
  EXPECT_TRUE(turn().done);
}

TEST_F(JobBatch, ALimitOnSpendingSplitsTheJobIntoBatchesThatFit) {
  source.items = 4;
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  const auto ceiling = store.batch(1).ceiling.pico;
  store = {};
  files = {};
  options.spend_max = Money{ceiling / 2 + 70};
  open();
  turn();
  EXPECT_EQ(store.batch(1).items, 2U);
  turn();
  turn();
  EXPECT_EQ(waiting("create"), 1U);  // nothing else is affordable until it ends
  EXPECT_EQ(store.job().batches, 1U);
  answer("create", 200);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(ok(0) + ok(1));
  end_batch();
  turn();
  EXPECT_EQ(store.batch(2).items, 2U);
  answer("create", 200);
  turn();
  options.spend_max = Money{1};
  open();  // lowered: what runs goes on, nothing is begun
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(row_id(0, 2) + " expired\n");
  turn();
  answer("delete", 200);
  turn();
  EXPECT_TRUE(turn().done);
  EXPECT_TRUE(engine->spend_stopped());
  options.spend_max.reset();
  open();
  turn();
  EXPECT_EQ(waiting("create"), 1U);
}

// Found by simulation: days passed between two processes, and the first two looks at the batch failed.
TEST_F(JobBatch, AfterAnAbsenceABatchIsGivenTimeToTellHowItStands) {
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  answer("create", 200);
  turn();
  now += 72h;
  open();
  turn();
  turn_after(10s);
  lose("cancel", ErrorKind::kDeadlineExceeded);
  turn();
  turn_after(10s);
  EXPECT_EQ(engine->progress().batches_held, 0U);
  answer("poll", 200, "ended");
  turn();
  rows(ok(0) + ok(1) + ok(2));
  end_batch();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 3U);
}

TEST_F(JobBatch, ABatchThatNeitherEndsNorIsCancelledIsHeld) {
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  answer("create", 200);
  turn();
  turn_after(27h);
  answer("cancel", 200);
  turn();
  turn_after(10min);
  answer("poll", 200, "running");
  turn();
  EXPECT_TRUE(turn_after(2h).done);
  EXPECT_EQ(engine->progress().batches_held, 1U);
}

// Two of three rows were done when its cancel deleted them: each of the three may be on the bill.
TEST_F(JobBatch, WhatACancelDestroysIsBookedAsUnknown) {
  options.wish = plan::RouteWish::kBatch;
  for (const auto& [keeps, seen, unknown] :
       {std::tuple(false, "running 2", 3), std::tuple(false, "running 0", 0),
        std::tuple(true, "running 2", 0)}) {
    store = {};
    files = {};
    calls.clear();
    provider.batch->cancel_keeps_results = keeps;
    open();
    turn();
    answer("create", 200);
    turn();
    turn_after(10s);
    answer("poll", 200, seen);
    turn();
    ASSERT_TRUE(engine->cancel());
    turn();
    answer("cancel", 200);
    turn();
    turn_after(10s);
    answer("poll", 200, "ended");
    turn();
    rows("");
    end_batch();
    EXPECT_TRUE(turn().done);
    EXPECT_EQ(engine->progress().cancelled, 3U);
    EXPECT_EQ(std::ssize(ledger()), unknown) << seen;
    for (const auto& entry : ledger()) {
      EXPECT_EQ(entry.outcome, cost::LedgerEntry::Outcome::kUnknown);
      EXPECT_EQ(entry.batch, 1U);
      EXPECT_GT(entry.cost.pico, 0);
    }
    EXPECT_EQ(engine->progress().exposure.pico > 0, unknown > 0);
    EXPECT_EQ(engine->progress().reserved.pico, 0);
  }
}

class JobPriming : public JobBatch {
 protected:
  JobPriming() {
    provider.models.front().cache = catalogue::CacheMode::kBreakpoints;
    provider.models.front().stacking = catalogue::Stacking::kMultiply;
    auto& rates = provider.models.front().prices.front().batch;
    rates = {.input = {100}, .output = {10}, .cache_read = Price{10}, .cache_write = Price{125}};
    provider.cache.batch_hit_rate_expected = 0.9;
    source.items = 60;
    source.prefix_bytes = 10'000;
    options.wish = plan::RouteWish::kBatch;
  }
};

TEST_F(JobPriming, AOneRequestBatchGoesFirst) {
  run_batch_to_collect();
  EXPECT_EQ(store.batch(1).ahead, Ahead::kPriming);
  EXPECT_EQ(store.batch(1).items, 1U);
  EXPECT_THAT(files.bytes("store/batch-1.image"), HasSubstr("+ text 0"));
  open();  // not a second one after a restart either
  turn();
  EXPECT_EQ(store.job().batches, 1U);
  rows(ok(0));
  end_batch();
  EXPECT_EQ(store.batch(2).items, 59U);
}

TEST_F(JobPriming, WhateverBecomesOfItThereIsNoSecondOne) {
  for (const int status : {400, 403}) {  // refused, held
    store = {};
    files = {};
    open();
    turn();
    answer("create", status);
    turn();
    turn();
    EXPECT_EQ(store.job().stage, 1U);
    EXPECT_EQ(store.batch(2).ahead, Ahead::kNone) << status;
    EXPECT_EQ(store.batch(2).items, 59U);
    calls.clear();
  }
}

TEST_F(JobPriming, BelowBreakEvenTheNextBatchIsNotMarked) {
  provider.batch->requests_max = 30;
  options.batches_running_max = 1;
  run_batch_to_collect();
  rows(ok(0));
  end_batch();
  answer("create", 200);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  std::string text;
  for (std::uint64_t sequence = 0; sequence < 27; ++sequence)
    text += fmt::format("{} ok 10 {} 2\n", row_id(sequence, 2), sequence < 3 ? 5 : 0);
  rows(text);
  end_batch();
  EXPECT_FALSE(store.job().marking);
  EXPECT_THAT(store.job().reasons.back(), HasSubstr("below the break-even of 22 %"));
  EXPECT_THAT(files.bytes("store/batch-3.image"), Not(HasSubstr("+ text")));
}

// --- What earlier jobs saw -----------------------------------------------------------------------------------------

class JobHits : public JobPriming {
 protected:
  JobHits() {
    options.identity.endpoint = "https://word";
    known_hits = &known_;
    new_hits = &new_;
  }
  plan::PrefixStats::Key key_{.account = "https://word ", .model = "m"};
  plan::PrefixStats known_, new_;

  // The bulk behind the prime is answered: `hits` of its 59 rows read the cache.
  void run_job(std::uint64_t hits) {
    run_batch_to_collect();
    rows(ok(0));
    end_batch();
    answer("create", 200);
    turn();
    turn_after(10s);
    answer("poll", 200, "ended");
    turn();
    std::string text;
    for (std::uint64_t sequence = 0; sequence < 59; ++sequence)
      text += fmt::format("{} ok 10 {} 2\n", row_id(sequence, 2), sequence < hits ? 5 : 0);
    rows(text);
    turn();
  }
};

TEST_F(JobHits, AJobTellsWhatItSawOnceAcrossARestart) {
  run_job(12);
  EXPECT_EQ(new_.size(), 0U);
  open();  // it died before the batch was over: the next process tells
  turn();
  answer("delete", 200);
  turn();
  EXPECT_DOUBLE_EQ(new_.seen(key_, now).requests, 59);
  EXPECT_DOUBLE_EQ(new_.seen(key_, now).hits, 12);
  open();
  turn();
  EXPECT_DOUBLE_EQ(new_.seen(key_, now).requests, 59);
}

TEST_F(JobHits, WhereEarlierJobsSawFewHitsNothingIsMarked) {
  known_.observe(key_, 20, 400, now);
  open();
  turn();
  EXPECT_EQ(engine->job().plan.cache.policy, llm::CachePolicy::kUntouched);
  EXPECT_TRUE(engine->job().stages.empty());
  EXPECT_THAT(
      engine->job().reasons,
      Contains(HasSubstr("a hit rate of 7 % is expected by the 400 answers seen lately; the "
                         "catalogue says 90 %")));
  EXPECT_THAT(files.bytes("store/batch-1.image"), Not(HasSubstr("+ text")));
}

TEST_F(JobHits, WhatWasSeenLongAgoCountsForLittle) {
  known_.observe(key_, 20, 400, now - 24h * 30);
  open();
  turn();
  EXPECT_EQ(engine->job().plan.cache.policy, llm::CachePolicy::kMarked);
}

}  // namespace
}  // namespace weir::engine
