// Several jobs at one account.
#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using testing::Bench;

class Jobs : public ::testing::Test {
 protected:
  Jobs() {
    for (auto* job : {&one, &two}) {
      job->account = &account;
      job->source.items = 6;
      job->options.concurrency_max = 8;
    }
  }
  Account account{4};  // outlives the jobs
  Bench one, two;
};

TEST_F(Jobs, ShareItFairly) {
  one.open();
  two.open();
  one.turn();
  EXPECT_EQ(one.waiting("sync"), 4U);
  int woken = 0;
  two.engine->on_room([&] { ++woken; });
  two.turn();
  EXPECT_EQ(two.waiting("sync"), 0U);
  for (std::uint64_t answered = 1; answered <= 2; ++answered) {
    one.answer("sync", 200, "1 1 a");
    EXPECT_EQ(woken, static_cast<int>(answered));
    one.turn();
    two.turn();
    EXPECT_EQ(two.waiting("sync"), answered);
  }
  one.answer("sync", 200, "1 1 a");
  two.turn();
  one.turn();
  EXPECT_EQ(one.waiting("sync"), 2U) << "both have their half";
  EXPECT_EQ(two.waiting("sync"), 2U);
}

TEST_F(Jobs, OneThatFailsStallsNoOther) {
  one.open();
  two.open();
  one.turn();
  two.turn();
  one.store.broken = true;  // its disk is full
  ASSERT_TRUE(one.engine->on_answer(one.take("sync"), {.status = 200, .body = "1 1 a"}, one.now));
  EXPECT_FALSE(one.engine->flush());
  EXPECT_FALSE(one.engine->turn(one.now));
  one.engine.reset();
  for (int i = 0; i < 6; ++i) {
    two.turn();
    two.answer("sync", 200, "1 1 a");
  }
  EXPECT_TRUE(two.turn().done);
  EXPECT_EQ(two.engine->progress().succeeded, 6U);
}

TEST_F(Jobs, ALimitOfOneSlowsTheOther) {
  one.open();
  two.open();
  one.turn();
  http::Headers headers;
  headers.add("retry-after", "20");
  one.answer("sync", 429, "", headers);
  EXPECT_EQ(two.turn().wake_at, two.now + 20s);
  EXPECT_EQ(two.waiting("sync"), 0U);
  two.turn_after(20s);
  EXPECT_EQ(account.concurrency(), 2U);
}

}  // namespace
}  // namespace weir::engine
