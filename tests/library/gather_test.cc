// Gathering: single requests from many threads become batches.
#include <gmock/gmock.h>

#include <latch>
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

TEST_F(Gather, AnUrgentOneIsFinishedAsAnInvokeIs) {
  auto gatherer = gather(*engine_, *model_, {.count = 100, .age = std::chrono::hours(10)});
  auto request = ask("?");
  request.answer_schema =
      R"({"type":"object","properties":{"word":{"type":"string"}},"required":["word"],"additionalProperties":false})";
  const auto answer = (*gatherer)->invoke(request, {.urgent = true}).get();
  ASSERT_EQ(why(answer), "");
  EXPECT_THAT(answer->json, HasSubstr("\"word\""));
  EXPECT_EQ(answer->attempts, 1);
  EXPECT_FALSE(answer->raw.empty());
  const auto empty = (*gatherer)->invoke({}, {.urgent = true}).get();
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().kind, ErrorKind::kInvalidArgument);
  const auto late =
      (*gatherer)
          ->invoke(ask("?"), {.deadline = -std::chrono::microseconds(1), .urgent = true})
          .get();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(why(engine_->stop()), "");
  const auto stopped = (*gatherer)->invoke(ask("?"), {.urgent = true}).get();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kUnavailable);
}

// A hook is the program's own: what it does must not stand in the way of other calls, and it may call the engine itself.
TEST(Urgent, AHookMayCallTheEngine) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  std::unique_ptr<Engine> engine;
  std::atomic<int> hits = 0;
  EngineOptions options{.store = folder.path(), .clock = simulator.clock()};
  options.hooks.on_cache_hit = [&](const CacheHit&) {
    ++hits;
    EXPECT_EQ(why(engine->metrics().summary()), "");
  };
  auto made = Engine::create(std::move(options));
  ASSERT_EQ(why(made), "");
  engine = std::move(*made);
  auto model = optimize(*engine, model_of(*engine, simulator), {.cache = {.enabled = true}});
  ASSERT_EQ(why(model), "");
  auto gatherer = gather(*engine, **model, {.age = std::chrono::hours(10)});
  const auto request = ask("?", long_text(4000));
  for (int i = 0; i < 10 && hits == 0; ++i) {
    const auto answer = (*gatherer)->invoke(request, {.urgent = true}).get();
    ASSERT_EQ(why(answer), "");
    EXPECT_EQ(answer->route, Route::kSync);
  }
  EXPECT_GT(hits, 0);
}

class HeldModel final : public ChatModel {
 public:
  Result<Response> invoke(const Request&, const CallOptions&, std::stop_token) override {
    return Response{.text = "at once"};
  }
  Result<Response> stream(const Request&, const OnChunk&, const CallOptions&,
                          std::stop_token) override {
    return Response{};
  }
  std::vector<Result<Response>> batch(std::span<const Request> requests, const CallOptions&,
                                      std::stop_token) override {
    ++batches;
    held.wait();
    return std::vector<Result<Response>>(requests.size(), Response{.text = "later"});
  }
  [[nodiscard]] ModelInfo info() const override { return {.provider = "own", .model = "m"}; }
  std::atomic<int> batches = 0;
  std::latch held{1};
};

TEST_F(Gather, AnUrgentOneWaitsForNoBatchOfAModelOfTheUsersOwn) {
  HeldModel own;
  auto gatherer = gather(*engine_, own, {.count = 1, .age = std::chrono::hours(10)});
  std::vector<std::future<Result<Response>>> waiting;
  for (int i = 0; i < 70; ++i) waiting.push_back((*gatherer)->invoke(ask("later")));
  while (own.batches < 64) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  auto urgent = (*gatherer)->invoke(ask("now"), {.urgent = true});
  EXPECT_EQ(urgent.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  own.held.count_down();
  EXPECT_EQ(urgent.get()->text, "at once");
  for (auto& one : waiting) EXPECT_EQ(one.get()->text, "later");
}

}  // namespace
