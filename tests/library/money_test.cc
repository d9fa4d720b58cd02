// Budgets, cost reports, and what observing tells.
#include "keys.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::HasSubstr;
using testing::Not;

const CallOptions kOfW{.workload = "w"};

std::string budget(const std::string& usd) {
  return "workloads: [{name: w, budget: {usd: " + usd + ", per: total}}]";
}

std::vector<Request> requests(std::size_t count) {
  std::vector<Request> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(ask("Which is " + std::to_string(i) + "?", long_text(1500)));
  return out;
}

TEST(Budget, HoldsForTheEnginesThatFollow) {
  const Folder folder;
  for (const bool first : {true, false}) {
    World world({.keys = kBatching, .rest = budget("0.000001"), .store = folder.path()});
    if (first) EXPECT_EQ(world.ask(kOfW), "");
    EXPECT_THAT(world.ask(kOfW), HasSubstr("is used up"));
  }
}

TEST(Budget, CountsWhatJobsOfEarlierEnginesSpent) {
  const Folder folder;
  {
    World world({.keys = kBatching, .rest = budget("100"), .store = folder.path()});
    EXPECT_EQ(world.routes(kOfW), "batch");
  }
  World world({.keys = kBatching, .rest = budget("0.000001"), .store = folder.path()});
  EXPECT_THAT(world.ask(kOfW), HasSubstr("is used up"));
}

// What a request may cost at most has to fit in what is left: the job stops before, and goes on when there is more.
TEST(Budget, AJobWaitsForMore) {
  World world({.keys = kBatching, .rest = budget("0.03")});
  EXPECT_THAT(world.routes(kOfW, 12), HasSubstr("unavailable"));
  ASSERT_EQ(world.engine().jobs().size(), 1);
  const auto job = world.engine().jobs()[0];
  EXPECT_EQ(job.status().phase, JobStatus::Phase::kWaiting);
  EXPECT_THAT(job.status().why, HasSubstr("the budget of workload 'w' has $"));
  EXPECT_LT(*parse_usd(job.status().spent_usd), *parse_usd("0.03"));
  EXPECT_GT(job.status().succeeded, 0);
  EXPECT_EQ(world.rewrite(budget("10")), "");
  for (int i = 0; i < 500 && job.status().phase != JobStatus::Phase::kDone; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(job.status().phase, JobStatus::Phase::kDone);
  EXPECT_EQ(job.status().succeeded, 12);
}

class OwnModel final : public ChatModel {
 public:
  Result<Response> invoke(const Request&, const CallOptions&, std::stop_token) override {
    return Response{.text = "yes", .usage = {.input = {100'000}, .output = {10}}};
  }
  [[nodiscard]] ModelInfo info() const override {
    return {.provider = "anthropic", .model = "claude-sonnet-5", .endpoint = "", .account = ""};
  }
};

TEST(Budget, OfAModelOfTheUsersOwn) {
  World world({.rest = budget("0.000001")});
  const auto model = optimize(world.engine(), std::make_unique<OwnModel>(), {.workload = "w"});
  ASSERT_EQ(why(model), "");
  EXPECT_EQ(why((*model)->invoke(ask("?"))), "");
  EXPECT_THAT(why((*model)->invoke(ask("?"))), HasSubstr("is used up"));
  EXPECT_THAT(why((*model)->batch(requests(2))[1]), HasSubstr("is used up"));
  EXPECT_EQ(why((*model)->invoke(ask("?"), {.workload = "other"})), "");
}

// An engine that was away at the full hour reports when it comes back, up to the last one.
TEST(CostReport, ComesLateRatherThanNever) {
  const Folder folder;
  const std::string hourly = "optimization: {costReportingInterval: hourly}";
  {
    World world({.rest = hourly,
                 .simulator = "--epoch 2026-11-24T00:10:00Z --time-scale 60",
                 .store = folder.path()});
    EXPECT_EQ(world.ask(), "");
  }
  World world({.rest = hourly,
               .simulator = "--epoch 2026-11-24T05:10:00Z --time-scale 60",
               .store = folder.path()});
  EXPECT_TRUE(world.logs("to 2026-11-24T05:00:00Z: anthropic/claude-sonnet-5: spent $"));
  EXPECT_THAT(world.log(), HasSubstr(", 1 requests"));
  EXPECT_THAT(world.log(), HasSubstr("costs from 2026-11-24T00:1"));
}

TEST(CostReport, LeavesOutWhatIsNotTracked) {
  World world({.keys = "trackCosts: false",
               .rest = "optimization: {costReportingInterval: hourly}",
               .more_entries = ", {provider: openAI, configuration: {model: gpt-5.4, apiKey: k, "
                               "endpoint: ENDPOINT_OF_openAI}}",
               .simulator = "--epoch 2026-11-24T00:50:00Z --time-scale 600"});
  EXPECT_EQ(world.ask(), "");
  EXPECT_TRUE(world.logs("spent $0.00"));
  EXPECT_THAT(world.log(), Not(HasSubstr("claude-sonnet-5")));
}

// One by one: what marking the shared prefix would have saved.
TEST(Observe, TellsWhatACacheWouldHaveSaved) {
  World world({.keys = "cachingEnabled: true", .rest = "observe: true"});
  const auto saved = [&] {
    const auto summary = world.engine().metrics().by_provider();
    return summary && summary->size() == 1 ? summary->front().would_have_saved_usd : "?";
  };
  EXPECT_EQ(world.ask(), "");
  EXPECT_THAT(saved(), testing::StartsWith("-"));  // the first would have written it
  for (int i = 0; i < 4; ++i) EXPECT_EQ(world.ask(), "");
  EXPECT_THAT(saved(), Not(testing::StartsWith("-")));
  EXPECT_NE(saved(), "0.00");
  EXPECT_EQ(world.recorder().mentions("cache_control"), 0);
}

// Of a job's requests, those whose prefix had been written before could have hit.
TEST(HitRate, OfAJobIsJudgedAsWell) {
  const auto alerts = [](const std::string& rate) {
    World world({.keys = "batchingEnabled: true, cachingEnabled: true, optimizationStrategy: both",
                 .rest = "workloads: [{name: w}]",
                 .simulator = "--time-scale 600 --batch-hit-rate " + rate});
    EXPECT_EQ(world.routes(kOfW, 60), "batch");
    return world.alerts() + world.log();
  };
  EXPECT_THAT(alerts("0"), HasSubstr("below cacheHitRateThreshold"));
  EXPECT_THAT(alerts("1"), Not(HasSubstr("below cacheHitRateThreshold")));
}

TEST(Reload, SaysWhetherAnythingIsAnother) {
  World world({.rest = "observe: false"});
  EXPECT_FALSE(*world.engine().reload());
  EXPECT_EQ(world.rewrite("observe: false   # still"), "");
  EXPECT_EQ(world.rewrite("observe: true"), "");
  EXPECT_THAT(world.rewrite("observe: 5"), HasSubstr("weir.yaml:2:10: 'observe' wants true"));
  EXPECT_NE(world.log().find("read again"), std::string::npos);
}

}  // namespace
