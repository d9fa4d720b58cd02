// What a webhook says, as scripts of events: it brings a poll forward, and nothing else.
#include <gtest/gtest.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;

class JobHeard : public testing::Bench, public ::testing::Test {
 protected:
  // A batch that waits for its next poll, ten seconds from now.
  std::string waiting_batch() {
    options.wish = plan::RouteWish::kBatch;
    open();
    turn();
    answer("create", 200);
    turn();
    return store.batch(1).view.provider_batch_id;
  }
};

TEST_F(JobHeard, ItsPollIsDueAtOnce) {
  const auto id = waiting_batch();
  turn_after(1s);
  EXPECT_EQ(waiting("poll"), 0U);
  const auto before = store.aggregates;
  EXPECT_TRUE(engine->hear(id, now));
  EXPECT_EQ(store.aggregates, before);  // it is no state
  turn();
  EXPECT_EQ(waiting("poll"), 1U);
  answer("poll", 200, "ended");
  turn();
  EXPECT_EQ(waiting("collect results"), 1U);
  // Said again of what is read already: nothing.
  EXPECT_TRUE(engine->hear(id, now));
  turn_after(1min);
  EXPECT_EQ(waiting("poll"), 0U);
}

TEST_F(JobHeard, BurstsAndLiesCostOnePollInSomeSeconds) {
  const auto id = waiting_batch();
  for (int i = 0; i < 100; ++i) engine->hear(id, now);
  turn();
  ASSERT_EQ(waiting("poll"), 1U);
  answer("poll", 200, "running");  // a lie
  turn();
  for (int i = 0; i < 100; ++i) engine->hear(id, now);
  turn_after(1s);
  EXPECT_EQ(waiting("poll"), 0U);
  turn_after(4s);
  ASSERT_EQ(waiting("poll"), 1U);  // before the ten seconds are over, for the second may be true
  answer("poll", 200, "running");
  turn_after(9s);
  EXPECT_EQ(waiting("poll"), 0U);
  turn_after(1s);  // and polls stay
  EXPECT_EQ(waiting("poll"), 1U);
}

TEST_F(JobHeard, WhileItIsAskedItIsAskedAgain) {
  const auto id = waiting_batch();
  turn_after(10s);
  ASSERT_EQ(waiting("poll"), 1U);
  EXPECT_TRUE(engine->hear(id, now));
  answer("poll", 200, "running");  // it left before the batch ended
  turn();
  turn_after(5s);
  EXPECT_EQ(waiting("poll"), 1U);
}

TEST_F(JobHeard, OthersAreNotOurs) {
  waiting_batch();
  EXPECT_FALSE(engine->hear("somebody's", now));
  EXPECT_FALSE(engine->hear("", now));
  turn_after(1s);
  EXPECT_EQ(waiting("poll"), 0U);
}

}  // namespace
}  // namespace weir::engine
