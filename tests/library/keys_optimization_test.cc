// What the keys of `optimization` change, and the switch that stands alone.
#include "keys.h"

namespace weir_test {
namespace {

using namespace weir;
using testing::HasSubstr;
using testing::Not;

std::string optimization(const std::string& keys) { return "optimization: {" + keys + "}"; }

void enable_metrics() {
  World on({.rest = optimization("enableMetrics: true")}),
      off({.rest = optimization("enableMetrics: false")});
  EXPECT_EQ(why(on.engine().metrics().summary()), "");
  EXPECT_THAT(why(off.engine().metrics().summary()), HasSubstr("enableMetrics"));
}

// The same store, fifteen days later.
void metrics_retention() {
  const Folder folder;
  const auto requests_after = [&](const std::string& days) {
    World later({.rest = optimization("metricsRetentionDays: " + days),
                 .simulator = "--epoch 2026-12-08T00:00:00Z --time-scale 600",
                 .store = folder.path()});
    const auto summary = later.engine().metrics().summary();
    EXPECT_EQ(why(summary), "");
    return summary ? summary->requests : 99;
  };
  {
    World first({.store = folder.path()});
    EXPECT_EQ(first.ask(), "");
  }
  EXPECT_EQ(requests_after("5"), 0);
  EXPECT_EQ(requests_after("30"), 1);
}

// Ten minutes before a full hour; the report comes when it has passed.
const std::string kBeforeTheHour = "--epoch 2026-11-24T00:50:00Z --time-scale 600";

void track_cost_savings() {
  const auto hourly = [](const std::string& track) {
    return optimization("costReportingInterval: hourly, trackCostSavings: " + track);
  };
  World tells({.keys = kBatching, .rest = hourly("true"), .simulator = kBeforeTheHour});
  World silent({.keys = kBatching, .rest = hourly("false"), .simulator = kBeforeTheHour});
  for (auto* world : {&tells, &silent}) {
    const bool told = world == &tells;
    EXPECT_EQ(world->routes(), "batch");
    const auto summary = world->engine().metrics().summary();
    ASSERT_EQ(why(summary), "");
    EXPECT_NE(summary->spent_usd, "0.00");
    EXPECT_EQ(summary->saved_usd != "0.00", told);
    EXPECT_EQ(summary->baseline_usd != "0.00", told);
    EXPECT_EQ(summary->saved_percentage > 0, told);
    EXPECT_TRUE(world->logs("spent $"));
    EXPECT_EQ(world->log().find(", saved $") != std::string::npos, told) << world->log();
  }
}

void cost_reporting_interval() {
  const auto every = [](const std::string& interval) {
    return optimization("costReportingInterval: " + interval);
  };
  World hourly({.rest = every("hourly"), .simulator = kBeforeTheHour});
  World daily({.rest = every("daily"), .simulator = kBeforeTheHour});
  EXPECT_EQ(hourly.ask() + daily.ask(), "");
  EXPECT_TRUE(hourly.logs("T01:00:00Z: spent"));
  EXPECT_THAT(hourly.log(), HasSubstr("anthropic/claude-sonnet-5: spent $"));
  EXPECT_THAT(daily.log(), Not(HasSubstr("costs from")));
}

void log_decisions() {
  World tells({.keys = kBatching}),
      silent({.keys = kBatching, .rest = optimization("logOptimizationDecisions: false")});
  EXPECT_EQ(tells.routes() + silent.routes(), "batchbatch");
  EXPECT_THAT(tells.log(), HasSubstr("route batch"));
  EXPECT_THAT(silent.log(), Not(HasSubstr("route batch")));
}

void log_level() {
  World info({.keys = kBatching, .rest = optimization("logLevel: INFO")}),
      error({.keys = kBatching, .rest = optimization("logLevel: ERROR")});
  EXPECT_EQ(info.routes() + error.routes(), "batchbatch");
  EXPECT_THAT(info.log(), HasSubstr("route batch"));
  EXPECT_EQ(error.log(), "");
}

void default_batch_size() {
  const auto waiting = [](const std::string& size) {
    World world({.rest = optimization("defaultBatchTimeout: 86400, defaultBatchSize: " + size)});
    auto gatherer = gather(world.engine(), world.model());
    EXPECT_EQ(why(gatherer), "");
    auto one = (*gatherer)->invoke(weir::ask("1")), two = (*gatherer)->invoke(weir::ask("2"));
    const auto out = (*gatherer)->waiting();
    (*gatherer)->flush();
    EXPECT_EQ(why(one.get()) + why(two.get()), "");
    return out;
  };
  EXPECT_EQ(waiting("2"), 0);
  EXPECT_EQ(waiting("3"), 2);
}

void default_batch_timeout() {
  World soon({.rest = optimization("defaultBatchTimeout: 1")}),
      late({.rest = optimization("defaultBatchTimeout: 86400")});
  auto now = gather(soon.engine(), soon.model()), then = gather(late.engine(), late.model());
  auto answer = (*now)->invoke(weir::ask("?")), waits = (*then)->invoke(weir::ask("?"));
  EXPECT_EQ(why(answer.get()), "");
  EXPECT_EQ((*now)->waiting(), 0);
  EXPECT_EQ((*then)->waiting(), 1);
}

// After many prefixes that nobody read again, only one that was sent lately is marked: how lately is what estimates assume.
void default_cache_ttl() {
  const auto marks_again = [](const std::string& seconds) {
    World world({.keys = "cachingEnabled: true",
                 .rest = optimization("defaultCacheTTL: " + seconds),
                 .simulator = "--time-scale 60"});
    for (int i = 0; i < 14; ++i)
      EXPECT_EQ(why(world.answer({}, "prefix " + std::to_string(i))), "");
    EXPECT_EQ(why(world.answer({}, "again")), "");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // 3 s
    const auto before = world.recorder().mentions("cache_control");
    EXPECT_EQ(why(world.answer({}, "again")), "");
    return world.recorder().mentions("cache_control") - before;
  };
  EXPECT_EQ(marks_again("1"), 0);
  EXPECT_EQ(marks_again("300"), 1);
}

// Alerts and log of a world in which no prefix is read twice.
std::pair<std::string, std::string> without_hits(const std::string& keys) {
  World world({.keys = "cachingEnabled: true", .rest = optimization(keys)});
  for (int i = 0; i < 15; ++i) EXPECT_EQ(why(world.answer({}, std::to_string(i))), "");
  return {world.alerts(), world.log()};
}

void cache_warning_threshold() {
  const auto [alerts, log] = without_hits("cacheWarningThreshold: 0.1");
  EXPECT_THAT(log, HasSubstr("below cacheWarningThreshold (10 %): caching is of no use here"));
  EXPECT_THAT(alerts, HasSubstr("below cacheWarningThreshold (10 %)"));
  const auto [none, quiet] = without_hits("cacheWarningThreshold: 0");
  EXPECT_THAT(none + quiet, Not(HasSubstr("cacheWarningThreshold")));
}

void cache_hit_rate_threshold() {
  EXPECT_THAT(without_hits("cacheHitRateThreshold: 0.5").first,
              HasSubstr("below cacheHitRateThreshold (50 %)"));
  EXPECT_THAT(without_hits("cacheHitRateThreshold: 0").first,
              Not(HasSubstr("cacheHitRateThreshold")));
}

void alert_on_low_hit_rate() {
  EXPECT_NE(without_hits("alertOnLowCacheHitRate: true").first, "");
  const auto [alerts, log] = without_hits("alertOnLowCacheHitRate: false");
  EXPECT_EQ(alerts, "");
  EXPECT_THAT(log, HasSubstr("cacheWarningThreshold"));  // the log is told in any case
}

std::string alerts_of_a_failure(const std::string& keys) {
  World world(
      {.keys = kBatching,
       .rest = optimization(keys),
       .faults = R"([{"fault": {"kind": "batch_refused", "type": "invalid_request_error"}}])"});
  EXPECT_EQ(world.routes(), "sync");
  return world.alerts();
}

void alert_on_failure() {
  EXPECT_THAT(alerts_of_a_failure("alertOnOptimizationFailure: true"),
              HasSubstr("an optimisation failed: 6 requests went by the standard API"));
  EXPECT_EQ(alerts_of_a_failure("alertOnOptimizationFailure: false"), "");
}

void enable_alerts() {
  EXPECT_NE(alerts_of_a_failure("enableAlerts: true"), "");
  EXPECT_EQ(alerts_of_a_failure("enableAlerts: false"), "");
  EXPECT_EQ(without_hits("enableAlerts: false").first, "");
}

void observe() {
  const std::string keys =
      "batchingEnabled: true, cachingEnabled: true, optimizationStrategy: batch_only";
  World on({.keys = keys, .rest = "observe: true"}), off({.keys = keys, .rest = "observe: false"});
  for (auto* world : {&on, &off}) {
    const bool observes = world == &on;
    EXPECT_EQ(world->routes(), observes ? "sync" : "batch");
    const auto summary = world->engine().metrics().summary();
    ASSERT_EQ(why(summary), "");
    EXPECT_EQ(summary->would_have_saved_usd != "0.00", observes);
    EXPECT_EQ(summary->saved_usd != "0.00", !observes);
  }
}

// A price list of one row, a thousand times what the catalogue says.
void prices() {
  Folder folder;
  const auto path = folder.path("prices.json");
  std::ofstream(path) << R"({"prices":[{"provider":"anthropic","model":"claude-sonnet-5",)"
                         R"("sync":{"input":"3000.00","output":"15000.00"}}]})";
  const auto cost = [](const std::string& rest) {
    World world({.rest = rest});
    const auto answer = world.answer();
    EXPECT_EQ(why(answer), "");
    return answer ? answer->cost : Money{};
  };
  EXPECT_GT(cost("prices: " + path).pico, 100 * cost("").pico);
  // Beside the configuration's file, which it is broken in.
  std::ofstream(path) << R"({"prices":[{"provider":"anthropic"}]})";
  std::ofstream(folder.path("weir.yaml")) << "prices: prices.json\n";
  EXPECT_THAT(
      why(Engine::create({.store = folder.path("store"), .config_file = folder.path("weir.yaml")})),
      AllOf(HasSubstr("weir.yaml:1"), HasSubstr("prices: "), HasSubstr(path)));
}

}  // namespace

Behaviours behaviours_of_optimization() {
  const std::string o = "optimization.";
  return {{o + "enableMetrics", enable_metrics},
          {o + "metricsRetentionDays", metrics_retention},
          {o + "trackCostSavings", track_cost_savings},
          {o + "costReportingInterval", cost_reporting_interval},
          {o + "logOptimizationDecisions", log_decisions},
          {o + "logLevel", log_level},
          {o + "defaultBatchSize", default_batch_size},
          {o + "defaultBatchTimeout", default_batch_timeout},
          {o + "defaultCacheTTL", default_cache_ttl},
          {o + "cacheWarningThreshold", cache_warning_threshold},
          {o + "enableAlerts", enable_alerts},
          {o + "alertOnOptimizationFailure", alert_on_failure},
          {o + "alertOnLowCacheHitRate", alert_on_low_hit_rate},
          {o + "cacheHitRateThreshold", cache_hit_rate_threshold},
          {"observe", observe},
          {"prices", prices}};
}

}  // namespace weir_test
