// Cached contents of the sync route, under everything that the simulation has: nothing is paid twice, none is left behind but
// to its TTL, and the ledger is the bill.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "checks.h"
#include "services.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t kContentSeeds = 150;  // of each provider; WEIR_SIMULATION_CONTENT_SEEDS
constexpr std::size_t kContentFailuresMax = 5;
// Operations from one death to the next; WEIR_SIMULATION_SWEEP_ALL: 1.
constexpr std::uint64_t kContentSweepStep = 4;

struct ContentFigures {
  std::uint64_t runs = 0, failures = 0, crashes = 0, made = 0, ended = 0, items = 0;
};

std::optional<std::uint64_t> variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

bool run_content(const Scenario& scenario, std::string_view replay, ContentFigures& figures) {
  World world(scenario);
  std::string report;
  for (const auto& finding : run_and_check(scenario, world))
    report += fmt::format("  - {}\n", finding);
  ++figures.runs;
  figures.items += scenario.items;
  figures.crashes += world.crashes();
  for (const auto& row : world.simulator().bill().rows()) {
    figures.ended += row.attempt_id.ends_with("-storage");
    figures.made += row.tokens.output == 0 && row.tokens.input > 0;
  }
  if (report.empty()) return true;
  ++figures.failures;
  ADD_FAILURE() << scenario.text() << "\n" << report << "replay: " << replay;
  return false;
}

void print(std::string_view check, std::string_view provider, const ContentFigures& f) {
  fmt::print(
      "{{\"check\":\"{}\",\"provider\":\"{}\",\"runs\":{},\"failures\":{},\"crashes\":{},"
      "\"items\":{},\"contents_made\":{},\"contents_ended\":{}}}\n",
      check, provider, f.runs, f.failures, f.crashes, f.items, f.made, f.ended);
}

class CachedContents : public ::testing::TestWithParam<const char*> {};

TEST_P(CachedContents, EverySeedEndsWithLedgerEqualsBill) {
  const auto& service = service_of(GetParam());
  ContentFigures f;
  const auto seed = variable("WEIR_SIMULATION_SEED");
  const auto count = variable("WEIR_SIMULATION_CONTENT_SEEDS").value_or(kContentSeeds);
  for (auto at = seed.value_or(1); at <= seed.value_or(count) && f.failures < kContentFailuresMax;
       ++at)
    run_content(Scenario::contents(at, service), fmt::format("WEIR_SIMULATION_SEED={}", at), f);
  print("contents", service.provider, f);
  EXPECT_TRUE(seed || f.made > count / 2) << "too few were made to show anything";
}

TEST_P(CachedContents, ASmallJobSurvivesADeathAtEveryOperation) {
  const auto& service = service_of(GetParam());
  const auto step = std::getenv("WEIR_SIMULATION_SWEEP_ALL") != nullptr ? 1 : kContentSweepStep;
  for (const auto death : {Death::kKill, Death::kPowerLoss}) {
    ContentFigures f;
    for (std::uint64_t at = 0; f.crashes == f.runs; at += step) {
      auto scenario = Scenario::small(std::string(service.provider), std::string(service.model),
                                      plan::RouteWish::kSync, at, death);
      scenario.long_prefix = true;
      scenario.items = 24;
      if (!run_content(scenario, fmt::format("death at operation {}", at), f)) break;
    }
    print("content deaths", service.provider, f);
    EXPECT_GT(f.crashes * step, 100U);
    EXPECT_GE(f.made, f.runs);  // each made one, whenever it died
  }
}

// The answer to the create is lost: it is found by its name, used, and deleted.
TEST_P(CachedContents, ACreateWhoseAnswerIsLostIsFoundAgain) {
  const auto& service = service_of(GetParam());
  auto scenario = Scenario::small(std::string(service.provider), std::string(service.model),
                                  plan::RouteWish::kSync, 0, Death::kKill);
  scenario.crashes_max = 0;
  scenario.crash_at.reset();
  scenario.long_prefix = true;
  scenario.items = 60;
  scenario.faults_json =
      R"([{"match":{"operation":"content_create","nth":1},"fault":{"kind":"reset","accepted":true}}])";
  ContentFigures f;
  EXPECT_TRUE(run_content(scenario, "", f));
  EXPECT_EQ(f.made, 1U);
  EXPECT_EQ(f.ended, 1U);
}

INSTANTIATE_TEST_SUITE_P(Google, CachedContents, ::testing::Values("gemini", "vertexAI"),
                         [](const auto& provider) { return std::string(provider.param); });

}  // namespace
}  // namespace weir::simulation
