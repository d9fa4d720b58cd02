// What a provider's batch queue takes, as scripts of events.
#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using testing::Bench;
using ::testing::Contains;
using ::testing::HasSubstr;

class JobQuota : public Bench, public ::testing::Test {
 protected:
  JobQuota() {
    options.wish = plan::RouteWish::kBatch;
    options.concurrency_max = 32;
  }
  void turns(int count) {
    while (count-- > 0) turn();
  }
};

TEST_F(JobQuota, NoBatchIsSmallerThanTheProviderTakes) {
  source.items = 21;
  provider.batch->requests_max = 10;  // 9 a batch: 9, 9, 3
  provider.batch->requests_min = 5;
  open();
  turns(6);
  EXPECT_EQ(store.batch(1).items, 9U);
  EXPECT_EQ(store.batch(2).items, 7U);
  EXPECT_EQ(store.batch(3).items, 5U);
  EXPECT_EQ(waiting("sync"), 0U);
}

TEST_F(JobQuota, TooFewForABatchGoByTheStandardApi) {
  source.items = 4;
  provider.batch->requests_min = 5;
  open();
  turns(3);
  EXPECT_EQ(waiting("create"), 0U);
  EXPECT_EQ(waiting("sync"), 4U);
  EXPECT_THAT(engine->job().reasons,
              Contains(HasSubstr("4 items are left, word takes at least 5 in a batch")));
  while (waiting("sync") > 0) answer("sync", 200, "1 1 text");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().succeeded, 4U);
}

TEST_F(JobQuota, WithoutFallbackTooFewFail) {
  source.items = 4;
  provider.batch->requests_min = 5;
  options.fallback_to_standard = false;
  open();
  turns(3);
  EXPECT_EQ(engine->progress().failed, 4U);
  EXPECT_THAT(output(), Contains(HasSubstr("at least 5 in a batch")));
}

TEST_F(JobQuota, TheRestOfABatchThatIsTooSmallForAnotherGoesByTheStandardApi) {
  source.items = 8;
  provider.batch->requests_min = 5;
  run_batch_to_collect();
  rows(row_id(0) + " ok 1 0 1\n" + row_id(1) + " ok 1 0 1\n" + row_id(2) + " ok 1 0 1\n" +
       row_id(3) + " ok 1 0 1\n");
  turn();
  answer("delete", 200);
  turns(3);
  EXPECT_EQ(waiting("create"), 0U);
  EXPECT_EQ(waiting("sync"), 4U);
}

TEST_F(JobQuota, CreatesAnHourAreTheProvidersNumberAcrossRestarts) {
  source.items = 50;
  options.batches_running_max = 100;
  provider.batch->requests_max = 10;
  provider.batch->creates_per_hour_max = 3;
  open();
  turns(8);
  EXPECT_EQ(waiting("create"), 3U);
  turn_after(30min);
  EXPECT_EQ(waiting("create"), 3U);
  open();
  turns(8);
  EXPECT_EQ(store.job().batches, 3U);
  turn_after(31min);
  turns(8);
  EXPECT_EQ(store.job().batches, 6U);
  EXPECT_THAT(engine->job().reasons, Contains(HasSubstr("takes 3 batches an hour")));
}

TEST_F(JobQuota, WhenNoCreateIsLeftBeforeTheDeadlineTheRestGoesByTheStandardApi) {
  source.items = 20;
  options.batches_running_max = 100;
  options.deadline = now + 110min;
  provider.batch->requests_max = 10;
  provider.batch->creates_per_hour_max = 1;
  open();
  turns(8);
  EXPECT_EQ(waiting("create"), 1U);
  EXPECT_EQ(waiting("sync"), 11U);
}

TEST_F(JobQuota, APauseThatIsOverKeepsNobodyBusy) {
  source.items = 20;
  options.batches_running_max = 100;
  options.deadline = now + 110min;
  provider.batch->requests_max = 10;
  provider.batch->creates_per_hour_max = 1;
  open();
  turns(8);
  ASSERT_EQ(waiting("sync"),
            11U);  // no batch is begun any more, and the next create would be allowed
  const auto later = turn_after(70min);
  EXPECT_TRUE(!later.wake_at || *later.wake_at > now);
}

TEST_F(JobQuota, TokensThatTheProviderQueuesAreNotExceeded) {
  source.items = 40;
  source.bytes = 400;  // about 110 tokens a line
  options.batches_running_max = 100;
  provider.batch->enqueued_tokens_max = 2000;
  open();
  turns(8);
  ASSERT_GE(waiting("create"), 1U);
  std::uint64_t bytes = 0;
  const auto begun = store.job().batches;
  for (std::uint64_t number = 1; number <= begun; ++number)
    bytes += store.batch(number).image_bytes;
  EXPECT_LE(bytes / 4, 2000U);
  EXPECT_GE(bytes / 4, 1500U);
  turn_after(2min);
  EXPECT_EQ(store.job().batches, begun);
  EXPECT_THAT(engine->job().reasons, Contains(HasSubstr("queues 2000 tokens of a model")));
  // One ends: there is room again.
  answer("create", 200);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  std::string all;
  for (std::uint64_t i = 0; i < store.batch(1).items; ++i) all += row_id(i) + " ok 1 0 1\n";
  rows(all);
  turn();
  answer("delete", 200);
  turn_after(2min);
  turns(4);
  EXPECT_GT(store.job().batches, begun);
}

}  // namespace
}  // namespace weir::engine
