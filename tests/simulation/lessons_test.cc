// The numbered defects of comparable tools (lessons.md 3.1, and of 3.2 those of booking) that concern an engine, one test each, with
// every other check of the simulation besides.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checks.h"

namespace weir::simulation {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Subject {
  const char *provider, *model;
};
void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.provider; }

class Lessons31 : public ::testing::TestWithParam<Subject> {
 protected:
  Lessons31() {
    scenario.seed = 31;
    scenario.provider = GetParam().provider;
    scenario.model = GetParam().model;
    scenario.wish = plan::RouteWish::kBatch;
    scenario.items = 40;
    scenario.batches_running = 1;
  }
  // Runs the job to its end; every check must hold.
  World& run(std::string faults = "") {
    scenario.faults_json = std::move(faults);
    world = std::make_unique<World>(scenario);
    EXPECT_TRUE(world->run()) << world->why();
    EXPECT_THAT(check(scenario, *world), IsEmpty());
    return *world;
  }
  [[nodiscard]] std::size_t billed() const { return world->simulator().bill().rows().size(); }
  [[nodiscard]] bool openai() const { return scenario.provider == "openAI"; }
  Scenario scenario;
  std::unique_ptr<World> world;
};

TEST_P(Lessons31, Item1_ACreateThatTimesOutAfterItWasAcceptedIsNotPaidTwice) {
  run(R"([{"match":{"operation":"batch_create","nth":1},"fault":"timeout_after_accept"},
          {"match":{},"fault":{"kind":"invisible_batch","seconds":300}}])");
  EXPECT_EQ(world->creates(), 1U);
  EXPECT_EQ(billed(), 40U);
}

TEST_P(Lessons31, Item2_NoCreateIsRetriedBlindly) {
  run(R"([{"match":{"operation":"batch_create","times":3},"fault":{"kind":"reset","accepted":true}},
          {"match":{"operation":"batch_list","probability":0.5},"fault":{"kind":"status","code":503}}])");
  EXPECT_EQ(world->creates(), 1U);
  EXPECT_EQ(billed(), 40U);
}

// Neither provider takes an idempotency key: what stands in for it must find the batch after a death as well.
TEST_P(Lessons31, Item3_WithoutAnIdempotencyKeyABatchIsFoundAgain) {
  for (const auto death : {Death::kKill, Death::kPowerLoss})
    for (std::uint64_t at = 0; at < 400; at += 3) {
      scenario.items = 10;
      scenario.crashes_max = 1;
      scenario.crash_at = at;
      scenario.death = death;
      run(R"([{"match":{"operation":"batch_create","nth":1},"fault":"timeout_after_accept"}])");
      ASSERT_EQ(world->creates(), 1U) << at;
    }
}

TEST_P(Lessons31, Item4_AJobIsNotResumedWithAnotherAccount) {
  run();
  world->use_account("another");
  EXPECT_FALSE(world->run());
  EXPECT_THAT(world->why(), HasSubstr("the account (was default, is another)"));
}

TEST_P(Lessons31, Item5_DuplicateRowsEndTheirItemsOnce) {
  run(R"([{"match":{},"fault":{"kind":"duplicate_rows","fraction":1}}])");
  EXPECT_EQ(world->progress().succeeded, 40U);
  EXPECT_EQ(billed(), 40U);
}

TEST_P(Lessons31, Item6_AnExpiredBatchKeepsItsFinishedRows) {
  run(R"([{"match":{"times":1},"fault":{"kind":"expire_batch","finished_fraction":0.5,"seconds":7200}}])");
  EXPECT_EQ(world->progress().succeeded, 40U);
  EXPECT_EQ(world->creates(), 2U);
  EXPECT_EQ(billed(), 40U);  // no finished row was asked for again
}

TEST_P(Lessons31, Item7_ACancelledBatchKeepsWhatWasBilled) {
  run(R"([{"match":{"times":1},"fault":{"kind":"cancel_batch","finished_fraction":0.5}}])");
  EXPECT_EQ(world->progress().succeeded, 40U);
  EXPECT_EQ(billed(), 40U);
}

// The provider says so of rows that it billed: they are done again, and nothing of the job is lost or doubled.
TEST_P(Lessons31, Item7_RowsToldAsCancelledThoughBilledAreDoneAgain) {
  scenario.wire.cancelled_billed = 0.4;
  run();
  EXPECT_EQ(world->progress().succeeded, 40U);
  EXPECT_GT(billed(), 40U);
}

TEST_P(Lessons31, Item8_RowsAreKnownByTheirIdsNotByTheirPlaces) {
  scenario.wire.rows_reversed = true;
  run(R"([{"match":{},"fault":"shuffle_rows"}])");
  EXPECT_EQ(world->progress().succeeded, 40U);
}

TEST_P(Lessons31, Item8_ARowOfNoItemIsGivenToNone) {
  scenario.wire.mis_keyed = 0.4;
  run();
  EXPECT_EQ(world->progress().succeeded, 40U);
  EXPECT_GT(billed(), 40U);  // their own items were done again
}

TEST_P(Lessons31, Item9_FailedRequestsAreReadAndTold) {
  scenario.answers_refused = true;
  run(R"([{"match":{},"fault":{"kind":"row_error","type":"invalid_request_error","fraction":0.4}}])");
  EXPECT_GT(world->progress().failed, 0U);
  EXPECT_EQ(world->progress().ended(), 40U);
  EXPECT_EQ(world->creates(), 1U);  // a refused item is not tried in another batch
  EXPECT_EQ(billed(), world->progress().succeeded);
}

TEST_P(Lessons31, Item10_ABatchOfErrorsAloneHasNoOutputFile) {
  for (const std::uint64_t seed : {31, 32}) {  // "output_file_id":null, and no such member
    scenario.seed = seed;
    scenario.wire.empty_output_null = true;
    scenario.answers_refused = true;
    run(R"([{"match":{},"fault":{"kind":"row_error","type":"invalid_request_error"}}])");
    EXPECT_EQ(world->progress().failed, 40U);
    EXPECT_EQ(billed(), 0U);
  }
}

TEST_P(Lessons31, Item11_AnImageIsSentFromItsFile) {
  scenario.long_prefix = true;  // 40 times 8 kB
  run();
  EXPECT_LT(world->inline_bytes_max(), 1024U);
}

TEST_P(Lessons31, Item12And15_AProcessThatIsLostLosesNoBatch) {
  for (std::uint64_t at = 100; at < 600; at += 20) {
    scenario.crashes_max = 3;
    scenario.crash_at = at;
    run();
    ASSERT_EQ(world->creates(), 1U) << at;
    ASSERT_EQ(billed(), 40U) << at;
  }
}

TEST_P(Lessons31, Item13_WhatIsFinishedIsWrittenBeforeTheJobEnds) {
  scenario.batch_requests = 20;
  scenario.batches_running = 1;  // one after the other
  scenario.crashes_max = 1;
  std::uint64_t partial = 0;
  for (std::uint64_t at = 100; at < 4000 && partial == 0; at += 7) {
    scenario.crash_at = at;
    run();
    partial += world->partial_outputs();
  }
  EXPECT_GT(partial, 0U);
}

TEST_P(Lessons31, Item14_LimitsAreWaitedOut) {
  const std::string faults =
      R"([{"match":{"probability":0.4},"fault":{"kind":"rate_limited","retry_after":20}}])";
  run(faults);
  EXPECT_EQ(world->progress().succeeded, 40U);
  scenario.wish = plan::RouteWish::kSync;
  run(faults);
  EXPECT_EQ(world->progress().succeeded, 40U);
  EXPECT_EQ(billed(), 40U);
}

TEST_P(Lessons31, Item16_MissingAnswersAreAskedForAgain) {
  run(R"([{"match":{"times":2},"fault":{"kind":"missing_rows","fraction":0.6}}])");
  EXPECT_EQ(world->progress().succeeded, 40U);
  EXPECT_EQ(billed(), 40U);
}

// Booking, lessons.md 3.2. That each entry of the ledger is the bill's row of that attempt, to the pico-dollar, is checked everywhere.
class Lessons32 : public Lessons31 {
 protected:
  // What the provider bills, and what the job says that it spent.
  void expect_spent_is_billed() const {
    MoneySum bill;
    for (const auto& row : world->simulator().bill().rows()) bill += Money{row.pico_usd};
    EXPECT_GT(bill.pico, 0);
    EXPECT_EQ(to_usd(world->progress().spent), to_usd(bill));
  }
};

// litellm#37050, #39980: the batch's cost again with every poll. Minutes between polls, and hours until it ends.
TEST_P(Lessons32, Item18_ABatchIsBookedOnceHoweverOftenItIsPolled) {
  scenario.crashes_max = 2;
  for (const std::uint64_t at : {300, 500, 900}) {
    scenario.crash_at = at;
    run(R"([{"match":{"operation":"batch_get","times":20},"fault":{"kind":"status","code":503}}])");
    EXPECT_EQ(world->creates(), 1U);
    EXPECT_EQ(billed(), 40U);
    expect_spent_is_billed();
  }
}

// litellm#37205: 142 of a cancelled batch's 2,000 lines had run and were billed, and booked nowhere.
TEST_P(Lessons32, Item18_WhatACancelledBatchHadDoneIsBooked) {
  scenario.items = 2000;
  run(R"([{"match":{"times":1},"fault":{"kind":"cancel_batch","finished_fraction":0.071}}])");
  EXPECT_EQ(world->progress().succeeded, 2000U);
  EXPECT_EQ(billed(), 2000U);  // none of the 142 was asked for again
  expect_spent_is_billed();
}

// The same where nobody goes on: the user cancels, and what had run is in the ledger.
TEST_P(Lessons32, Item18_WhatRanBeforeTheUserCancelledIsBooked) {
  scenario.answers_refused = true;  // what had not run ends as cancelled
  std::uint64_t some = 0;
  for (std::uint64_t at = 4; at < 40; at += 2) {
    scenario.cancel_at = at;
    run();
    if (billed() == 0) continue;
    ++some;
    expect_spent_is_billed();
  }
  EXPECT_GT(some, 0U);
}

INSTANTIATE_TEST_SUITE_P(Providers, Lessons32,
                         ::testing::Values(Subject{"openAI", "gpt-5.4-nano"},
                                           Subject{"anthropic", "claude-sonnet-5"}),
                         [](const auto& tested) { return std::string(tested.param.provider); });
INSTANTIATE_TEST_SUITE_P(Providers, Lessons31,
                         ::testing::Values(Subject{"openAI", "gpt-5.4-nano"},
                                           Subject{"anthropic", "claude-sonnet-5"}),
                         [](const auto& tested) { return std::string(tested.param.provider); });

}  // namespace
}  // namespace weir::simulation
