// Metrics by workload.
#include <gmock/gmock.h>

#include <map>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;

/// Requests by workload.
std::map<std::string, std::uint64_t> by_workload(const Engine& engine) {
  std::map<std::string, std::uint64_t> out;
  const auto summaries = engine.metrics().by_workload();
  EXPECT_EQ(why(summaries), "");
  for (const auto& summary : *summaries) {
    EXPECT_EQ(summary.provider + summary.model, "");
    EXPECT_TRUE(out.emplace(summary.workload, summary.requests).second) << summary.workload;
  }
  return out;
}

TEST(Metrics, AreApartByWorkloadWhateverWayARequestWent) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  const std::map<std::string, std::uint64_t> wanted{
      {"", 1}, {"letters", 2}, {"mine", 1}, {"nightly", 7}};
  {
    const auto engine = engine_on(simulator, folder.path());
    const auto plain = model_of(*engine, simulator);
    const auto model = optimize(
        *engine, model_of(*engine, simulator),
        {.batch = {.enabled = true}, .strategy = Strategy::kBatchOnly, .workload = "nightly"});
    ASSERT_EQ(why(model), "");
    EXPECT_EQ(why(plain->invoke(ask("?"))), "");
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(why(plain->invoke(ask("?"), {.workload = "letters"})), "");
    const std::vector<Request> documents(5, ask("?"));
    for (const auto& answer : (*model)->batch(documents)) EXPECT_EQ(why(answer), "");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(why((*model)->invoke(ask("?"))), "");
    const auto summary = engine->metrics().summary();
    ASSERT_EQ(why(summary), "");
    EXPECT_EQ(summary->spent_usd, simulator.bill());
    Money sum;
    const auto parts = engine->metrics().by_workload();
    ASSERT_EQ(why(parts), "");
    for (const auto& part : *parts) sum = sum + *parse_usd(part.spent_usd);
    EXPECT_EQ(to_usd(sum), simulator.bill());
    EXPECT_EQ(why(engine->metrics().record(
                  Response{.usage = {.input = {100}, .output = {10}}},
                  {.provider = "acme", .model = "m", .endpoint = "", .account = ""}, "mine")),
              "");
    EXPECT_EQ(by_workload(*engine), wanted);
    const auto recent = engine->metrics().by_workload({.length = std::chrono::seconds(0)});
    ASSERT_EQ(why(recent), "");
    for (const auto& part : *recent) EXPECT_EQ(part.requests, 0) << part.workload;
  }
  EXPECT_EQ(by_workload(*engine_on(simulator, folder.path())), wanted);
}

// Names that a caller makes up do not use up the process's files; no request is lost from the sums.
TEST(Metrics, HasAnEndToNamesThatNobodyConfigured) {
  constexpr int kNames = 40, kKept = 32;
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = model_of(*engine, simulator);
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < kNames; ++i)
      EXPECT_EQ(why(model->invoke(ask("?"), {.workload = "user-" + std::to_string(i)})), "");
  const auto requests = by_workload(*engine);
  EXPECT_EQ(requests.size(), kKept + 1);
  EXPECT_EQ(requests.at(""), 2 * (kNames - kKept));
  EXPECT_EQ(requests.at("user-0"), 2);
  EXPECT_EQ(engine->metrics().summary()->spent_usd, simulator.bill());
}

}  // namespace
