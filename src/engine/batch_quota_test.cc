#include "engine/batch_quota.h"

#include <gtest/gtest.h>

namespace weir::engine {
namespace {

using namespace std::chrono_literals;

const Time kNow = from_unix_seconds(1'795'000'000);

TEST(BatchQuota, CreatesAreSpreadOverTheHour) {
  BatchQuota quota;
  EXPECT_EQ(quota.next_create(2, kNow), kNow);
  quota.created(kNow, kNow);
  quota.created(kNow + 10min, kNow + 10min);
  EXPECT_EQ(quota.next_create(2, kNow + 10min), kNow + 60min);
  EXPECT_EQ(quota.next_create(3, kNow + 10min), kNow + 10min);
  EXPECT_EQ(quota.next_create(0, kNow + 10min), kNow + 10min) << "no limit";
  EXPECT_EQ(quota.next_create(2, kNow + 60min), kNow + 60min);
  quota.created(kNow + 60min, kNow + 60min);
  EXPECT_EQ(quota.next_create(2, kNow + 60min), kNow + 70min);
}

TEST(BatchQuota, AResumedJobTellsOfItsEarlierBatches) {
  BatchQuota quota;
  quota.created(kNow, kNow);
  quota.created(kNow - 30min, kNow);
  quota.created(kNow - 2h, kNow);
  EXPECT_EQ(quota.next_create(2, kNow), kNow + 30min);
}

TEST(BatchQuota, AClockThatWentBackBarsNothingForLongerThanAnHour) {
  BatchQuota quota;
  quota.created(kNow, kNow);
  EXPECT_EQ(quota.next_create(1, kNow - 48h), kNow - 47h);
}

TEST(BatchQuota, TokensWaitPerModelUntilTheirBatchIsOver) {
  BatchQuota quota;
  const BatchId one{1, 1}, two{1, 2};
  quota.enqueue(one, "small", 100);
  quota.enqueue(two, "small", 50);
  quota.enqueue(two, "small", 60);  // told again after a restart
  quota.enqueue({1, 3}, "large", 7);
  EXPECT_EQ(quota.queued("small"), 160U);
  EXPECT_EQ(quota.queued("large"), 7U);
  quota.dequeue(one);
  EXPECT_EQ(quota.queued("small"), 60U);
  EXPECT_EQ(quota.queued("none"), 0U);
}

}  // namespace
}  // namespace weir::engine
