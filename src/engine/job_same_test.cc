// Identical requests are sent once.
#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::Bench;
using ::testing::HasSubstr;
using ::testing::Not;

class JobSame : public Bench, public ::testing::Test {
 protected:
  JobSame() {
    source.items = 6;
    source.same = {{1, 0}, {3, 0}, {5, 2}};  // 0, 2 and 4 are sent
    options.concurrency_max = 8;
  }
  void expect_all_answered(std::string_view answer) {
    EXPECT_EQ(engine->progress().succeeded, 6U);
    ASSERT_EQ(output().size(), 6U);
    for (std::size_t item = 0; item < 6; ++item)
      EXPECT_THAT(output()[item],
                  AllOf(HasSubstr(fmt::format(R"("id":"id-{}","line":{})", item, item + 1)),
                        HasSubstr(fmt::format(R"("answer":"{}")", answer))));
    EXPECT_THAT(output()[3], AllOf(HasSubstr(R"("cost_usd":"0")"), HasSubstr(R"("same_as":"id-0")"),
                                   Not(HasSubstr("attempt_id"))));
    EXPECT_THAT(output()[5], HasSubstr(R"("same_as":"id-2")"));
    EXPECT_EQ(ledger().size(), 3U);
    EXPECT_EQ(store.job().same, 3U);
  }
};

TEST_F(JobSame, BySync) {
  open();
  turn();
  for (int i = 0; i < 3; ++i) {
    turn();
    answer("sync", 200, "1 1 a");
  }
  EXPECT_TRUE(turn().done);
  expect_all_answered("a");
  EXPECT_EQ(store.job().same_cost.pico, 3 * 11);
}

TEST_F(JobSame, ByBatchAcrossRestarts) {
  run_batch_to_collect();
  EXPECT_EQ(store.batch(1).items, 3U);
  rows(row_id(0) + " ok 10 0 2\n" + row_id(4) + " ok 10 0 2\n");  // the row of 2 is missing
  turn();
  answer("delete", 200);
  turn();
  EXPECT_EQ(output().size(), 2U);
  open();
  turn();
  turn();
  EXPECT_EQ(store.batch(2).items, 1U) << "its repeats are not planned again, it is";
  if (waiting("list") > 0) answer("list", 200, "found");
  else answer("create", 200);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
  rows(row_id(0, 2) + " ok 10 0 2\n");
  turn();
  answer("delete", 200);
  EXPECT_TRUE(turn().done);
  expect_all_answered("answer");
}

TEST_F(JobSame, AFailureIsSharedToo) {
  open();
  turn();
  answer("sync", 400);
  turn();
  answer("sync", 200, "1 1 a");
  turn();
  answer("sync", 200, "1 1 a");
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(engine->progress().failed, 3U);
  EXPECT_THAT(output()[1], AllOf(HasSubstr(R"("error":{)"), HasSubstr(R"("same_as":"id-0")")));
  EXPECT_EQ(store.job().same_cost.pico, 11);
}

}  // namespace
}  // namespace weir::engine
