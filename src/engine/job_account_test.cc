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
    for (auto* job : {&one_, &two_}) {
      job->account = &account_;
      job->source.items = 6;
      job->options.concurrency_max = 8;
    }
  }
  Account account_{4};  // outlives the jobs
  Bench one_, two_;
};

TEST_F(Jobs, ShareItFairly) {
  one_.open();
  two_.open();
  one_.turn();
  EXPECT_EQ(one_.waiting("sync"), 4U);
  int woken = 0;
  two_.engine->on_room([&] { ++woken; });
  two_.turn();
  EXPECT_EQ(two_.waiting("sync"), 0U);
  for (std::uint64_t answered = 1; answered <= 2; ++answered) {
    one_.answer("sync", 200, "1 1 a");
    EXPECT_EQ(woken, static_cast<int>(answered));
    one_.turn();
    two_.turn();
    EXPECT_EQ(two_.waiting("sync"), answered);
  }
  one_.answer("sync", 200, "1 1 a");
  two_.turn();
  one_.turn();
  EXPECT_EQ(one_.waiting("sync"), 2U) << "both have their half";
  EXPECT_EQ(two_.waiting("sync"), 2U);
}

TEST_F(Jobs, OneThatFailsStallsNoOther) {
  one_.open();
  two_.open();
  one_.turn();
  two_.turn();
  one_.store.broken = true;  // its disk is full
  ASSERT_TRUE(
      one_.engine->on_answer(one_.take("sync"), {.status = 200, .body = "1 1 a"}, one_.now));
  EXPECT_FALSE(one_.engine->flush());
  EXPECT_FALSE(one_.engine->turn(one_.now));
  one_.engine.reset();
  for (int i = 0; i < 6; ++i) {
    two_.turn();
    two_.answer("sync", 200, "1 1 a");
  }
  EXPECT_TRUE(two_.turn().done);
  EXPECT_EQ(two_.engine->progress().succeeded, 6U);
}

TEST_F(Jobs, ALimitOfOneSlowsTheOther) {
  one_.open();
  two_.open();
  one_.turn();
  http::Headers headers;
  headers.add("retry-after", "20");
  one_.answer("sync", 429, "", headers);
  EXPECT_EQ(two_.turn().wake_at, two_.now + 20s);
  EXPECT_EQ(two_.waiting("sync"), 0U);
  two_.turn_after(20s);
  EXPECT_EQ(account_.concurrency(), 2U);
}

}  // namespace
}  // namespace weir::engine
