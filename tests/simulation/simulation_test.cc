#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "checks.h"
#include "services.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t kSeeds = 2000;        // in the tests; WEIR_SIMULATION_SEEDS asks for more
constexpr std::uint64_t kProviderSeeds = 60;  // of each; WEIR_SIMULATION_PROVIDER_SEEDS
// Operations from one death to the next in the tests, where a provider is not looked at closely; WEIR_SIMULATION_SWEEP_ALL: 1.
constexpr std::uint64_t kSweepStep = 5;
constexpr std::size_t kFailuresMax = 5;  // then it is known well enough

std::optional<std::uint64_t> number(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

struct Figures {
  std::uint64_t seeds = 0, failures = 0, crashes = 0, items = 0, bill_rows = 0, unknown = 0,
                retried = 0, reopened = 0;
};

// True: all is well.
bool run_one(const Scenario& scenario, std::string_view replay, Figures& figures) {
  World world(scenario);
  std::string report;
  for (const auto& finding : run_and_check(scenario, world))
    report += fmt::format("  - {}\n", finding);
  ++figures.seeds;
  figures.crashes += world.crashes();
  figures.items += scenario.items;
  figures.bill_rows += world.simulator().bill().rows().size();
  figures.unknown += world.progress().exposure.pico > 0;
  figures.retried += world.reopened() > 0;
  figures.reopened += world.reopened();
  if (report.empty()) return true;
  ++figures.failures;
  ADD_FAILURE() << scenario.text() << "\n" << report << "replay: " << replay;
  return false;
}

bool run_seed(std::uint64_t seed, Figures& figures, const Service* service = nullptr) {
  auto replay = fmt::format("WEIR_SIMULATION_SEED={} weir_simulation", seed);
  if (service != nullptr)
    replay = fmt::format("WEIR_SIMULATION_PROVIDER={} {}", service->provider, replay);
  return run_one(Scenario::draw(seed, service), replay, figures);
}

TEST(Simulation, EverySeedEndsWithEveryItemOnceAndLedgerEqualsBill) {
  Figures f;
  if (const auto seed = number("WEIR_SIMULATION_SEED")) {
    run_seed(*seed, f);
    return;
  }
  const auto started = std::chrono::steady_clock::now();
  const auto first = number("WEIR_SIMULATION_FIRST").value_or(1);
  const auto count = number("WEIR_SIMULATION_SEEDS").value_or(kSeeds);
  for (auto seed = first; seed < first + count && f.failures < kFailuresMax; ++seed)
    run_seed(seed, f);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  fmt::print(
      "{{\"check\":\"simulation\",\"seeds\":{},\"failures\":{},\"crashes\":{},\"items\":{},\"bill_"
      "rows\":{},"
      "\"jobs_with_exposure\":{},\"jobs_retried\":{},\"items_retried\":{},\"seconds\":{:.1f}}}\n",
      f.seeds, f.failures, f.crashes, f.items, f.bill_rows, f.unknown, f.retried, f.reopened,
      took.count());
}

// The same jobs and faults on each provider in turn.
TEST(Simulation, EveryProviderEndsWithEveryItemOnceAndLedgerEqualsBill) {
  const auto seed = number("WEIR_SIMULATION_SEED");
  const char* wanted = std::getenv("WEIR_SIMULATION_PROVIDER");
  const auto count = number("WEIR_SIMULATION_PROVIDER_SEEDS").value_or(kProviderSeeds);
  for (const auto& service : services()) {
    if (wanted != nullptr && service.provider != wanted) continue;
    if (seed && wanted == nullptr) continue;  // the other test's
    Figures f;
    for (auto at = seed.value_or(1); at <= seed.value_or(count) && f.failures < kFailuresMax; ++at)
      run_seed(at, f, &service);
    fmt::print(
        "{{\"check\":\"provider\",\"provider\":\"{}\",\"seeds\":{},\"failures\":{},\"crashes\":{},"
        "\"items\":{},\"bill_rows\":{}}}\n",
        service.provider, f.seeds, f.failures, f.crashes, f.items, f.bill_rows);
    EXPECT_TRUE(seed || f.crashes > 0) << service.provider;
  }
}

// The process dies before or after each operation on what is durable, one run an operation.
void sweep(Scenario (*small)(std::string, std::string, plan::RouteWish, std::uint64_t, Death),
           std::uint64_t operations_min) {
  struct Case {
    std::string provider, model;
    plan::RouteWish wish;
  };
  std::vector<Case> cases;
  for (const auto& service : services()) {
    cases.emplace_back(std::string(service.provider), std::string(service.model),
                       plan::RouteWish::kSync);
    if (service.batches) {
      cases.push_back(cases.back());
      cases.back().wish = plan::RouteWish::kBatch;
    }
  }
  const bool all = std::getenv("WEIR_SIMULATION_SWEEP_ALL") != nullptr;
  for (const auto& c : cases) {
    const std::uint64_t step = all || service_of(c.provider).closely ? 1 : kSweepStep;
    for (const auto death : {Death::kKill, Death::kPowerLoss}) {
      Figures f;
      // Until a run has fewer operations than that.
      for (std::uint64_t at = 0; f.crashes == f.seeds; at += step)
        if (!run_one(small(c.provider, c.model, c.wish, at, death),
                     fmt::format("death {} at operation {}", static_cast<int>(death), at), f))
          break;
      EXPECT_GT(f.crashes * step, operations_min) << c.provider;
      fmt::print("swept {} {} {}: {} operations, {} items retried\n", c.provider,
                 c.wish == plan::RouteWish::kSync ? "sync" : "batch",
                 death == Death::kKill ? "kill" : "power loss", f.crashes, f.reopened);
    }
  }
}

TEST(Simulation, ASmallJobSurvivesADeathAtEveryOperation) { sweep(Scenario::small, 50); }

TEST(Simulation, ASmallRetrySurvivesADeathAtEveryOperation) { sweep(Scenario::small_retry, 50); }

// The first process believed that it was two days later: what it meant to wait ten seconds for is not waited for days.
TEST(Simulation, AClockThatWentBackDelaysNoBatch) {
  std::uint64_t resumed = 0;
  for (std::uint64_t at = 60; at < 200; at += 5) {
    auto scenario =
        Scenario::small("openAI", "gpt-5.4-nano", plan::RouteWish::kBatch, at, Death::kKill);
    scenario.first_clock_ahead = std::chrono::hours(48);
    World world(scenario);
    const Time began = world.now();
    ASSERT_TRUE(world.run()) << world.why();
    // Where the create was in doubt it is settled late, and all the same once.
    EXPECT_EQ(check(scenario, world), std::vector<std::string>()) << at;
    resumed += world.crashes() > 0 && world.now() - began < std::chrono::hours(6);
  }
  EXPECT_EQ(resumed, 28U);  // every one
}

}  // namespace
}  // namespace weir::simulation
