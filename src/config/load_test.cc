// Every key: a set value arrives, and the default holds without it.
#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config/keys.h"
#include "config/testing.h"

namespace weir::config {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// Every key with a value that is not its default.
constexpr std::string_view kFull = R"(observe: true
llm:
  - provider: ANTHROPIC
    configuration:
      model: claude-sonnet-5
      apiKey: sk-1
  - provider: openAI
    isDefault: true
    configuration:
      model: gpt-5.4-nano, gpt-5.4-mini
      apiKey: sk-2
      endpoint: https://proxy.example/v1
      api: responses
      organizationId: org-1
      temperature: 0.3
      batchingEnabled: true
      batchMaxSize: 5000
      batchTimeoutSeconds: 7200
      batchPollIntervalSeconds: 90
      cachingEnabled: true
      cacheStrategy: automatic
      cacheTTL: 1800
      cacheMinTokens: 2048
      cacheMaxBreakpoints: 2
      optimizationStrategy: both
      optimizationPreference: cache
      fallbackToStandard: false
      fallbackTimeoutSeconds: 45
      trackCosts: false
      logOptimizationDecisions: false
  - provider: bedrock
    configuration:
      model: anthropic.claude-sonnet-5
      region: eu-central-1
      awsAccessKeyId: AKIA1
      awsAccessSecretKey: secret-1
      awsSessionToken: token-1
      provider: other
      customProvider: anthropic
      bucket: s3://batches/weir
      role: arn:aws:iam::1:role/batch
  - provider: azureOpenAI
    configuration: {model: gpt-5.4, endpoint: "https://x.openai.azure.com", deploymentName: d1}
  - provider: vertexAI
    configuration:
      model: gemini-2.5-pro
      project: p1
      location: europe-west1
      serviceAccountJson: '{"type":"service_account"}'
      bucket: gs://batches
embedding:
  - provider: openAI
    configuration: {model: text-embedding-3-large, dimensions: 256, batchingEnabled: true}
optimization:
  enableMetrics: false
  metricsRetentionDays: 7
  trackCostSavings: false
  costReportingInterval: weekly
  logOptimizationDecisions: false
  logLevel: DEBUG
  defaultBatchSize: 50
  defaultBatchTimeout: 10
  defaultCacheTTL: 600
  cacheWarningThreshold: 0.2
  enableAlerts: false
  alertOnOptimizationFailure: false
  alertOnLowCacheHitRate: false
  cacheHitRateThreshold: 0.75
workloads:
  - name: invoices
    preset: domain-extraction
    match: {model: "bulk-*", header: x-kind, value: invoice, key: indexer, topic: record-events}
    provider: openAI
    model: gpt-5.4-mini
    route: batch
    strategy: both
    preference: batch
    cacheTTL: 1800
    gather: {count: 20, seconds: 5, bytes: 1000000}
    urgent: {header: x-urgent, field: payload.priority, values: "high, now"}
    retries: 2
    deadline: 6h
    rollout: 12.5
    budget: {usd: 25.50, per: month}
    observe: true
prices: own/prices.json
)";

TEST(Load, EveryKeyOfAnEntryArrives) {
  const auto loaded = load_text(kFull);
  ASSERT_THAT(texts(loaded.errors), IsEmpty());
  EXPECT_THAT(texts(loaded.config.warnings), IsEmpty());
  ASSERT_EQ(loaded.config.llm.size(), 5U);
  EXPECT_EQ(loaded.config.llm[0].provider, "anthropic");
  const auto& entry = loaded.config.llm[1];
  EXPECT_EQ(entry.provider, "openAI");
  EXPECT_TRUE(entry.is_default);
  EXPECT_THAT(entry.models, ElementsAre("gpt-5.4-nano", "gpt-5.4-mini"));
  EXPECT_EQ(entry.api_key, "sk-2");
  EXPECT_EQ(entry.endpoint, "https://proxy.example/v1");
  EXPECT_EQ(entry.temperature, 0.3);
  EXPECT_TRUE(entry.batching_enabled);
  EXPECT_EQ(entry.batch_size_max, 5000U);
  EXPECT_EQ(entry.batch_timeout, seconds(7200));
  EXPECT_EQ(entry.batch_poll_interval, seconds(90));
  EXPECT_TRUE(entry.caching_enabled);
  EXPECT_EQ(entry.cache_strategy, CacheStrategy::kAutomatic);
  EXPECT_EQ(entry.cache_ttl, seconds(1800));
  EXPECT_EQ(entry.cache_tokens_min, Tokens{2048});
  EXPECT_EQ(entry.cache_breakpoints_max, 2U);
  EXPECT_EQ(entry.strategy, Strategy::kBoth);
  EXPECT_EQ(entry.preference, Preference::kCache);
  EXPECT_FALSE(entry.fallback_to_standard);
  EXPECT_EQ(entry.fallback_timeout, seconds(45));
  EXPECT_FALSE(entry.track_costs);
  EXPECT_FALSE(entry.log_decisions);
  ASSERT_EQ(loaded.config.embedding.size(), 1U);
  EXPECT_EQ(loaded.config.embedding[0].dimensions, 256U);
  EXPECT_TRUE(loaded.config.embedding[0].batching_enabled);
}

TEST(Load, KeysOfSomeProvidersArriveInExtra) {
  const auto config = load_text(kFull).config;
  using Extra = std::map<std::string, std::string>;
  EXPECT_EQ(config.llm[1].extra, (Extra{{"api", "responses"}, {"organizationId", "org-1"}}));
  EXPECT_EQ(config.llm[2].extra, (Extra{{"region", "eu-central-1"},
                                        {"awsAccessKeyId", "AKIA1"},
                                        {"awsAccessSecretKey", "secret-1"},
                                        {"awsSessionToken", "token-1"},
                                        {"provider", "other"},
                                        {"customProvider", "anthropic"},
                                        {"bucket", "s3://batches/weir"},
                                        {"role", "arn:aws:iam::1:role/batch"}}));
  EXPECT_EQ(config.llm[3].extra, (Extra{{"deploymentName", "d1"}}));
  EXPECT_EQ(config.llm[4].extra, (Extra{{"project", "p1"},
                                        {"location", "europe-west1"},
                                        {"serviceAccountJson", R"({"type":"service_account"})"},
                                        {"bucket", "gs://batches"}}));
}

TEST(Load, EveryKeyOfOptimizationArrives) {
  const auto config = load_text(kFull).config;
  const auto& o = config.optimization;
  EXPECT_FALSE(o.metrics_enabled);
  EXPECT_EQ(o.metrics_retention, std::chrono::days(7));
  EXPECT_FALSE(o.track_cost_savings);
  EXPECT_EQ(o.cost_reporting_interval, Interval::kWeekly);
  EXPECT_FALSE(o.log_decisions);
  EXPECT_EQ(o.log_level, LogLevel::kDebug);
  EXPECT_EQ(o.batch_size, 50U);
  EXPECT_EQ(o.batch_timeout, seconds(10));
  EXPECT_EQ(o.cache_ttl, seconds(600));
  EXPECT_EQ(o.cache_warning_threshold, 0.2);
  EXPECT_FALSE(o.alerts_enabled);
  EXPECT_FALSE(o.alert_on_failure);
  EXPECT_FALSE(o.alert_on_low_hit_rate);
  EXPECT_EQ(o.hit_rate_threshold, 0.75);
  EXPECT_TRUE(config.observe);
  EXPECT_EQ(prices_file(config, "/etc/weir/weir.yaml"), "/etc/weir/own/prices.json");
  EXPECT_EQ(prices_file({.prices = "/own.json"}, "/etc/weir/weir.yaml"), "/own.json");
  EXPECT_EQ(prices_file({}, "/etc/weir/weir.yaml"), "");
}

TEST(Load, EveryKeyOfAWorkloadArrives) {
  const auto config = load_text(kFull).config;
  ASSERT_EQ(config.workloads.size(), 2U);  // and the preset
  const auto& w = config.workloads[0];
  EXPECT_EQ(w.name, "invoices");
  EXPECT_EQ(w.preset, Preset::kDomainExtraction);
  EXPECT_EQ(w.match, (Match{"bulk-*", "x-kind", "invoice", "indexer", "record-events"}));
  EXPECT_EQ(w.provider, "openAI");
  EXPECT_EQ(w.model, "gpt-5.4-mini");
  EXPECT_EQ(w.route, plan::RouteWish::kBatch);
  EXPECT_EQ(w.strategy, Strategy::kBoth);
  EXPECT_EQ(w.preference, Preference::kBatch);
  EXPECT_EQ(w.cache_ttl, seconds(1800));
  EXPECT_EQ(w.gather, (Gather{20U, seconds(5), 1'000'000U}));
  EXPECT_EQ(w.urgent, (Urgent{"x-urgent", "payload.priority", {"high", "now"}}));
  EXPECT_EQ(w.retries_max, 2U);
  EXPECT_EQ(w.deadline, std::chrono::hours(6));
  EXPECT_EQ(w.rollout, 12.5);
  EXPECT_EQ(w.budget, (Budget{Money{25'500'000'000'000}, Period::kMonth}));
  EXPECT_TRUE(w.observe);
}

// A key that somebody adds to the table must be added above.
TEST(Load, TheFullFileHasEveryKeyOfTheTable) {
  auto loaded = load_text(kFull);
  std::set<std::string> given, all;
  const auto shape = [](std::string path) {
    for (auto at = path.find('['); at != std::string::npos; at = path.find('[', at + 1))
      path.erase(at, path.find(']', at) - at + 1);
    return path;
  };
  walk(loaded.config, [&](const Leaf& leaf) {
    all.insert(shape(leaf.path));
    const auto origin = loaded.config.origins.find(leaf.path);
    if (origin == loaded.config.origins.end() || origin->second.kind != Origin::Kind::kFile) return;
    given.insert(shape(leaf.path));
  });
  // An embedding entry has the keys of an llm entry: seen there.
  std::erase_if(all, [](const std::string& path) {
    return path.starts_with("embedding.") && !path.ends_with(".dimensions");
  });
  for (const auto& path : all) EXPECT_TRUE(given.contains(path)) << path;
}

TEST(Load, DefaultsOfAnEntryHold) {
  const auto loaded = load_text(entry_with({}));
  ASSERT_THAT(texts(loaded.errors), IsEmpty());
  EXPECT_THAT(texts(loaded.config.warnings), IsEmpty());
  const auto& entry = loaded.config.llm.at(0);
  EXPECT_TRUE(entry.is_default);  // the first where none says so
  EXPECT_EQ(entry.api_key, std::nullopt);
  EXPECT_EQ(entry.endpoint, std::nullopt);
  EXPECT_EQ(entry.temperature, std::nullopt);
  EXPECT_FALSE(entry.batching_enabled);
  EXPECT_EQ(entry.batch_size_max, 10'000U);
  EXPECT_EQ(entry.batch_timeout, seconds(86'400));
  EXPECT_EQ(entry.batch_poll_interval, seconds(60));
  EXPECT_FALSE(entry.caching_enabled);
  EXPECT_EQ(entry.cache_strategy, std::nullopt);
  EXPECT_EQ(entry.cache_ttl, std::nullopt);
  EXPECT_EQ(entry.cache_tokens_min, std::nullopt);
  EXPECT_EQ(entry.cache_breakpoints_max, 4U);
  EXPECT_EQ(entry.strategy, Strategy::kAuto);
  EXPECT_EQ(entry.preference, std::nullopt);
  EXPECT_TRUE(entry.fallback_to_standard);
  EXPECT_EQ(entry.fallback_timeout, seconds(30));
  EXPECT_TRUE(entry.track_costs);
  EXPECT_TRUE(entry.log_decisions);
  EXPECT_THAT(entry.extra, IsEmpty());
}

TEST(Load, DefaultsOfTheRestHold) {
  for (const std::string_view text : {"", "# nothing\n", "{}", "llm:\noptimization: ~\n"}) {
    const auto loaded = load_text(text);
    ASSERT_THAT(texts(loaded.errors), IsEmpty()) << text;
    const auto& o = loaded.config.optimization;
    EXPECT_TRUE(o.metrics_enabled);
    EXPECT_EQ(o.metrics_retention, std::chrono::days(30));
    EXPECT_TRUE(o.track_cost_savings);
    EXPECT_EQ(o.cost_reporting_interval, Interval::kDaily);
    EXPECT_TRUE(o.log_decisions);
    EXPECT_EQ(o.log_level, LogLevel::kInfo);
    EXPECT_EQ(o.batch_size, 100U);
    EXPECT_EQ(o.batch_timeout, seconds(30));
    EXPECT_EQ(o.cache_ttl, seconds(300));
    EXPECT_EQ(o.cache_warning_threshold, 0.1);
    EXPECT_TRUE(o.alerts_enabled);
    EXPECT_TRUE(o.alert_on_failure);
    EXPECT_TRUE(o.alert_on_low_hit_rate);
    EXPECT_EQ(o.hit_rate_threshold, 0.5);
    EXPECT_FALSE(loaded.config.observe);
    EXPECT_THAT(loaded.config.llm, IsEmpty());
    EXPECT_THAT(loaded.config.embedding, IsEmpty());
  }
}

TEST(Load, DefaultsOfAWorkloadHold) {
  const auto config = load_text("workloads: [{name: w}]").config;
  Workload expected;
  expected.name = "w";
  EXPECT_EQ(config.workloads.at(0), expected);
  EXPECT_EQ(expected.route, plan::RouteWish::kAuto);
  EXPECT_EQ(expected.rollout, 100);
  EXPECT_EQ(expected.budget.per, Period::kDay);
  EXPECT_THAT(expected.urgent.values, ElementsAre("true", "1", "high", "urgent"));
}

TEST(Load, LocationOfVertexHasADefault) {
  const auto config = load_text(entry_with({"project: p"}, "vertexAI", "gemini-2.5-pro")).config;
  EXPECT_EQ(config.llm.at(0).extra.at("location"), "us-central1");
}

TEST(Load, EveryProviderIsKnownWithoutCase) {
  for (const std::string name :
       {"anthropic", "OPENAI", "Gemini", "azureopenai", "bedrock", "VertexAI", "cohere",
        "fireworks", "groq", "mistral", "ollama", "together", "xAI", "OpenAICompatible"}) {
    const auto loaded = load_text(entry_with({}, name));
    for (const auto& error : texts(loaded.errors))
      EXPECT_THAT(error, testing::HasSubstr("is missing")) << name;
    EXPECT_FALSE(loaded.config.llm.at(0).provider.empty()) << name;
  }
}

TEST(Load, AnEnumerationMatchesWithoutCase) {
  const auto loaded =
      load_text(entry_with({"optimizationStrategy: CACHE_ONLY", "cachingEnabled: True"}));
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.llm[0].strategy, Strategy::kCacheOnly);
}

TEST(Load, ThePresetIsThereUnlessTheFileNamesIt) {
  const auto without = load_text("").config;
  ASSERT_EQ(without.workloads.size(), 1U);
  EXPECT_EQ(without.workloads[0].name, "domain-extraction");
  EXPECT_EQ(without.workloads[0].cache_ttl, seconds(3600));
  const auto named = load_text("workloads: [{name: domain-extraction, rollout: 10}]").config;
  ASSERT_EQ(named.workloads.size(), 1U);
  EXPECT_EQ(named.workloads[0].cache_ttl, seconds(3600));
  EXPECT_EQ(named.workloads[0].rollout, 10);
  const auto changed =
      load_text("workloads: [{name: w, preset: domain-extraction, cacheTTL: 300}]").config;
  EXPECT_EQ(changed.workloads[0].cache_ttl, seconds(300));
}

TEST(Load, JsonGivesTheSame) {
  const std::string yaml = entry_with({"apiKey: sk", "batchingEnabled: true", "batchMaxSize: 7"}) +
                           "workloads:\n  - {name: w, deadline: 90m, rollout: 5}\n";
  const auto json = load_text(R"({
  "llm": [{"provider": "anthropic", "configuration": {
      "model": "claude-sonnet-5", "apiKey": "sk", "batchingEnabled": true, "batchMaxSize": 7}}],
  "workloads": [{"name": "w", "deadline": "90m", "rollout": 5}]
})");
  const auto expected = load_text(yaml);
  ASSERT_THAT(texts(json.errors), IsEmpty());
  EXPECT_EQ(json.config.llm, expected.config.llm);
  EXPECT_EQ(json.config.workloads, expected.config.workloads);
  EXPECT_EQ(json.config.origins.at("llm[0].configuration.batchMaxSize").place.text(),
            "weir.yaml:3:92");
}

TEST(Load, AnAliasRepeatsAValue) {
  const auto loaded = load_text(
      "llm:\n"
      "  - {provider: anthropic, configuration: &c {model: claude-sonnet-5}}\n"
      "  - {provider: anthropic, configuration: *c}\n");
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.llm[1].models, loaded.config.llm[0].models);
}

TEST(Load, AFaultBehindAnAliasIsToldOnce) {
  EXPECT_THAT(errors_of("llm:\n"
                        "  - {provider: xai, configuration: &c {model: m, cacheTTL: x}}\n"
                        "  - {provider: xai, configuration: *c}\n"),
              testing::SizeIs(1));
}

TEST(Load, SameInputSameResult) {
  const auto one = load_text(kFull), other = load_text(kFull);
  EXPECT_EQ(one.config.llm, other.config.llm);
  EXPECT_EQ(one.config.origins, other.config.origins);
}

TEST(Config, EntryOfAWorkload) {
  const auto config = load_text(kFull).config;
  EXPECT_EQ(entry_of(config, config.workloads[0]), &config.llm[1]);
  Workload any;
  EXPECT_EQ(entry_of(config, any), default_entry(config.llm));
  any.provider = "bedrock";
  EXPECT_EQ(entry_of(config, any), &config.llm[2]);
  any.provider = "xai";
  EXPECT_EQ(entry_of(config, any), nullptr);
}

TEST(Config, GatherTakesTheDefaultsForWhatIsOpen) {
  const auto config = load_text(
                          "optimization: {defaultBatchSize: 7, defaultBatchTimeout: 9}\n"
                          "workloads: [{name: a}, {name: b, gather: {count: 3}}]\n")
                          .config;
  EXPECT_EQ(gather_options(config, config.workloads[0]).count_max, 7U);
  EXPECT_EQ(gather_options(config, config.workloads[0]).age_max, seconds(9));
  EXPECT_EQ(gather_options(config, config.workloads[1]).count_max, 3U);
  EXPECT_EQ(gather_options(config, config.workloads[1]).bytes_max, 64U << 20);
}

TEST(Config, RolloutIsStableAndGrows) {
  Workload workload;
  workload.name = "w";
  int in_quarter = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto id = "item-" + std::to_string(i);
    workload.rollout = 25;
    const bool early = in_rollout(workload, id);
    in_quarter += early ? 1 : 0;
    workload.rollout = 60;
    EXPECT_TRUE(!early || in_rollout(workload, id));
    workload.rollout = 100;
    EXPECT_TRUE(in_rollout(workload, id));
    workload.rollout = 0;
    EXPECT_FALSE(in_rollout(workload, id));
  }
  EXPECT_NEAR(in_quarter, 2500, 200);
}

}  // namespace
}  // namespace weir::config
