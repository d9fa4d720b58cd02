// Engine and plain models: what a program that links the library notices first.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::HasSubstr;

TEST(Engine, AnswersAndBooksWhatItCost) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  for (const auto* name : {"anthropic/claude-sonnet-5", "openAI/gpt-5.4-nano"}) {
    const auto model = model_of(*engine, simulator, name);
    const auto response = model->invoke(ask("Is it an invoice?", "Answer briefly."));
    ASSERT_EQ(why(response), "") << name;
    EXPECT_FALSE(response->text.empty());
    EXPECT_GT(response->usage.input.count, 0);
    EXPECT_GT(response->cost.pico, 0);
    EXPECT_EQ(response->cost, response->baseline);
    EXPECT_EQ(response->route, Route::kSync);
    EXPECT_THAT(response->raw, HasSubstr("usage"));
  }
  const auto summary = engine->metrics().summary();
  ASSERT_EQ(why(summary), "");
  EXPECT_EQ(summary->requests, 2);
  EXPECT_EQ(summary->spent_usd, simulator.bill());
  const auto apart = engine->metrics().by_provider();
  ASSERT_EQ(why(apart), "");
  ASSERT_EQ(apart->size(), 2);
  EXPECT_EQ(apart->front().provider, "anthropic");
  EXPECT_EQ(apart->back().model, "gpt-5.4-nano");
}

TEST(Engine, StreamsPieceByPieceOnTheCallersThread) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  for (const auto* name : {"anthropic/claude-sonnet-5", "openAI/gpt-5.4-nano"}) {
    const auto model = model_of(*engine, simulator, name);
    std::string told;
    const auto caller = std::this_thread::get_id();
    const auto response =
        model->stream(ask("Name the colours of the rainbow"), [&](std::string_view text) {
          EXPECT_EQ(std::this_thread::get_id(), caller);
          told += text;
          return true;
        });
    ASSERT_EQ(why(response), "");
    EXPECT_EQ(told, response->text);
    const auto stopped =
        model->stream(ask("Name them again"), [](std::string_view) { return false; });
    if (!stopped)
      EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);  // it may have been whole by then
  }
}

TEST(Engine, SaysWhatIsWrong) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  EXPECT_THAT(why(Engine::create({})),
              HasSubstr("invalid_argument: EngineOptions: give either a store or in_memory"));
  EXPECT_THAT(why(Engine::create({.store = folder.path(), .clock = "sim:http://example.com"})),
              HasSubstr("invalid_argument"));
  const auto engine = engine_on(simulator, folder.path());
  EXPECT_THAT(why(Engine::create({.store = folder.path()})), HasSubstr("unavailable"));
  EXPECT_THAT(why(engine->model("anthropic/claude-sonet-5", {.api_key = "k"})),
              HasSubstr("claude-sonnet-5"));
  EXPECT_EQ(engine->model("anthropic/claude-sonet-5", {.api_key = "k"}).error().kind,
            ErrorKind::kNotFound);
  ::unsetenv("ANTHROPIC_API_KEY");
  EXPECT_THAT(why(engine->model("anthropic/claude-sonnet-5")),
              HasSubstr("export ANTHROPIC_API_KEY"));
  EXPECT_THAT(
      why(engine->model("anthropic/claude-sonnet-5", {.api_key = "k", .endpoint = "nonsense"})),
      HasSubstr("invalid_argument"));
  EXPECT_EQ(engine->model().error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(engine->job("01ARZ3NDEKTSV4RRFFQ69G5FAV").error().kind, ErrorKind::kNotFound);
  const auto model = model_of(*engine, simulator);
  EXPECT_THAT(why(model->invoke(Request{})),
              HasSubstr("invalid_argument: the request has no message"));
  auto refused =
      engine->model("anthropic/claude-sonnet-5",
                    {.api_key = "invalid-key", .endpoint = simulator.endpoint("anthropic")});
  ASSERT_EQ(why(refused), "");
  EXPECT_EQ((*refused)->invoke(ask("?")).error().kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(simulator.bill(), "0.00");
}

TEST(Engine, CallsOfAStoppedEngineFailAndHarmNobody) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  auto engine = engine_on(simulator, folder.path());
  const auto model = model_of(*engine, simulator);
  EXPECT_EQ(why(engine->stop()), "");
  EXPECT_EQ(why(engine->stop()), "");
  EXPECT_EQ(model->invoke(ask("?")).error().kind, ErrorKind::kUnavailable);
  engine.reset();
  EXPECT_EQ(model->invoke(ask("?")).error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(model->info().model, "claude-sonnet-5");
}

TEST(Engine, InMemoryLeavesNothing) {
  const Simulator simulator("--time-scale 60");
  std::vector<std::string> lines;
  auto engine = Engine::create(
      {.in_memory = true,
       .log_sink = [&](LogLevel, std::string_view line) { lines.emplace_back(line); },
       .clock = simulator.clock()});
  ASSERT_EQ(why(engine), "");
  ASSERT_FALSE(lines.empty());
  EXPECT_THAT(lines.front(), HasSubstr("dies with the process"));
  const auto store = (*engine)->store();
  EXPECT_TRUE(std::filesystem::exists(store));
  const auto model = model_of(**engine, simulator);
  EXPECT_EQ(why(model->invoke(ask("?"))), "");
  engine->reset();
  EXPECT_FALSE(std::filesystem::exists(store));
}

TEST(Engine, CancelsAtTheStopTokenAndAtTheDeadline) {
  const Simulator simulator("--seed 3");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = model_of(*engine, simulator);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(model->invoke(ask("?"), {}, source.get_token()).error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(model->invoke(ask("?"), {.deadline = std::chrono::microseconds(-1)}).error().kind,
            ErrorKind::kDeadlineExceeded);
}

TEST(Engine, RepeatsWhatTheProviderRefusesForNow) {
  const Folder folder;
  const auto faults = folder.path("faults.json");
  std::ofstream(faults)
      << R"([{"match":{"operation":"messages","nth":1},"fault":{"kind":"rate_limited","retry_after":1}},
    {"match":{"operation":"messages","nth":2},"fault":{"kind":"overloaded"}}])";
  const Simulator simulator("--time-scale 60 --faults " + faults);
  const auto engine = engine_on(simulator, folder.path());
  const auto model = model_of(*engine, simulator);
  const auto response = model->invoke(ask("?"));
  ASSERT_EQ(why(response), "");
  EXPECT_EQ(response->attempts, 2);  // a 429 is waited out, and no try
}

TEST(Engine, ChecksTheAnswerAgainstTheSchema) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = model_of(*engine, simulator);
  auto request = ask("An invoice of 5 May", "Say the category.");
  request.answer_schema =
      R"({"type":"object","properties":{"category":{"type":"string","enum":["invoice","letter"]}},"required":["category"],"additionalProperties":false})";
  const auto response = model->invoke(request);
  ASSERT_EQ(why(response), "");
  EXPECT_THAT(response->json, HasSubstr("\"category\""));
  request.answer_schema = "{\"type\":";
  EXPECT_EQ(model->invoke(request).error().kind, ErrorKind::kInvalidArgument);
}

TEST(Capabilities, OfAnUnknownProviderAreNone) {
  const auto none = capabilities("nobody", "some-model");
  EXPECT_FALSE(none.batch);
  EXPECT_EQ(none.cache, CacheStrategy::kNone);
  const auto claude = capabilities("anthropic", "claude-sonnet-5");
  EXPECT_TRUE(claude.batch);
  EXPECT_EQ(claude.cache, CacheStrategy::kExplicit);
  EXPECT_EQ(claude.cache_prefix_min.count, 1024);
  EXPECT_EQ(claude.cache_ttls.size(), 2);
  EXPECT_TRUE(capabilities("Anthropic", "a-model-of-next-year").batch);
}

// Policy and niceness of the engine's threads, by name.
std::map<std::string, std::pair<int, int>> threads_of(Background background) {
  std::map<std::string, std::pair<int, int>> out;
  const auto engine = Engine::create({.in_memory = true, .background = background});
  EXPECT_EQ(why(engine), "");
  // A thread names itself when it begins.
  for (int tries = 0; tries < 1000 && out.size() < 3; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::getline(std::ifstream(task.path() / "comm"), name);
      const auto id = std::stoi(task.path().filename());
      if (name.starts_with("weir-"))
        out[name] = {::sched_getscheduler(id), ::getpriority(PRIO_PROCESS, static_cast<id_t>(id))};
    }
  }
  return out;
}

TEST(Engine, WhatWorksForJobsStepsBack) {
  std::jthread([] {  // the tests may run as idle themselves, and then all stay so
    const sched_param none{};
    if (::sched_setscheduler(0, SCHED_OTHER, &none) != 0) GTEST_SKIP() << "may not";
    const int own = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
    const std::pair normal(SCHED_OTHER, own), low(SCHED_BATCH, 19);
    EXPECT_THAT(threads_of(Background::kNormal),
                testing::ElementsAre(testing::Pair("weir-books", normal),
                                     testing::Pair("weir-calls", normal),
                                     testing::Pair("weir-jobs", normal)));
    EXPECT_THAT(
        threads_of(Background::kLow),
        testing::ElementsAre(testing::Pair("weir-books", low), testing::Pair("weir-calls", normal),
                             testing::Pair("weir-jobs", low)));
    EXPECT_EQ(threads_of(Background::kIdle)["weir-jobs"].first, SCHED_IDLE);
  })
      .join();
}

TEST(Cost, OfABatchIsHalf) {
  const Usage usage{.input = {1'000'000}, .output = {1'000'000}};
  const auto date = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);
  const auto sync = cost(usage, "anthropic", "claude-sonnet-5", Route::kSync, date);
  const auto batch = cost(usage, "anthropic", "claude-sonnet-5", Route::kBatch, date);
  ASSERT_EQ(why(sync), "");
  EXPECT_EQ(batch->pico * 2, sync->pico);
  EXPECT_EQ(cost(usage, "anthropic", "claude-sonet-5", Route::kSync, date).error().kind,
            ErrorKind::kNotFound);
}

}  // namespace
