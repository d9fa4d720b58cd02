// Gathering: single requests from many threads become batches.
#include <gmock/gmock.h>

#include <thread>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::HasSubstr;

class Gather : public testing::Test {
 protected:
  Gather() : simulator_("--time-scale 600"), engine_(engine_on(simulator_, folder_.path())) {
    auto model = optimize(*engine_, model_of(*engine_, simulator_),
                          {.batch = {.enabled = true}, .strategy = Strategy::kBatchOnly});
    EXPECT_EQ(why(model), "");
    model_ = std::move(*model);
  }
  Simulator simulator_;
  Folder folder_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<OptimizedModel> model_;
};

TEST_F(Gather, ManyThreadsGetTheirAnswersFromBatchesOfTheCount) {
  auto gatherer = gather(*engine_, *model_, {.count = 50, .age = std::chrono::hours(1)});
  ASSERT_EQ(why(gatherer), "");
  std::vector<std::jthread> threads;
  std::atomic<int> answered = 0, batched = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      std::vector<std::future<Result<Response>>> futures;
      for (int i = 0; i < 50; ++i)
        futures.push_back((*gatherer)->invoke(ask(std::to_string(t * 50 + i))));
      for (auto& future : futures) {
        const auto response = future.get();
        EXPECT_EQ(why(response), "");
        answered += response.has_value();
        batched += response && response->route == Route::kBatch;
      }
    });
  threads.clear();
  EXPECT_EQ(answered, 400);
  EXPECT_EQ(batched, 400);
  EXPECT_EQ(engine_->jobs().size(), 8);
  EXPECT_EQ(engine_->metrics().summary()->spent_usd, simulator_.bill());
}

TEST_F(Gather, TheOldestWaitsNoLongerThanItsAge) {
  auto gatherer = gather(*engine_, *model_, {.count = 100, .age = std::chrono::seconds(30)});
  auto future = (*gatherer)->invoke(ask("?"));
  ASSERT_EQ(future.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  EXPECT_EQ(why(future.get()), "");
}

TEST_F(Gather, UrgentOnesPassAtOnce) {
  auto gatherer = gather(*engine_, *model_,
                         {.count = 100,
                          .age = std::chrono::hours(10),
                          .urgent = [](const Request& request, const CallOptions&) {
                            return !request.system.empty();
                          }});
  auto waiting = (*gatherer)->invoke(ask("later"));
  const auto by_option = (*gatherer)->invoke(ask("now"), {.urgent = true}).get();
  const auto by_rule = (*gatherer)->invoke(ask("now", "urgent")).get();
  ASSERT_EQ(why(by_option), "");
  ASSERT_EQ(why(by_rule), "");
  EXPECT_EQ(by_option->route, Route::kSync);
  EXPECT_EQ((*gatherer)->waiting(), 1);
  (*gatherer)->flush();
  EXPECT_EQ((*gatherer)->waiting(), 0);
  EXPECT_EQ(why(waiting.get()), "");
}

TEST_F(Gather, ItsEndFlushesAndAnswersEverybody) {
  auto gatherer = gather(*engine_, *model_, {.count = 100, .age = std::chrono::hours(10)});
  auto future = (*gatherer)->invoke(ask("?"));
  gatherer->reset();
  ASSERT_EQ(future.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(why(future.get()), "");
}

TEST_F(Gather, AStoppedEngineAnswersWithTheReason) {
  auto gatherer = gather(*engine_, *model_, {.count = 2, .age = std::chrono::hours(10)});
  auto one = (*gatherer)->invoke(ask("1"));
  auto two = (*gatherer)->invoke(ask("2"));
  (void)engine_->stop(std::chrono::milliseconds(100));
  for (auto* future : {&one, &two}) {
    ASSERT_EQ(future->wait_for(std::chrono::seconds(60)), std::future_status::ready);
    const auto response = future->get();
    if (!response) EXPECT_EQ(response.error().kind, ErrorKind::kUnavailable);
  }
}

TEST_F(Gather, RefusesWhatIsTooMuchOrNonsense) {
  EXPECT_THAT(why(gather(*engine_, *model_, {.count = 0})), HasSubstr("count"));
  EXPECT_THAT(why(gather(*engine_, *model_, {.age = std::chrono::seconds(0)})), HasSubstr("age"));
  EXPECT_THAT(why(gather(*engine_, *model_, {.bytes = 0})), HasSubstr("bytes"));
  auto gatherer = gather(*engine_, *model_, {.age = std::chrono::hours(10), .waiting_max = 1});
  auto first = (*gatherer)->invoke(ask("1"));
  EXPECT_THAT(why((*gatherer)->invoke(ask("2")).get()), HasSubstr("raise waiting_max"));
  (*gatherer)->flush();
  EXPECT_EQ(why(first.get()), "");
}

}  // namespace
