// built-in < file < environment < flag; two variables win at false; workloads are held by their entry's flags.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "config/testing.h"

namespace weir::config {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kEntryKey = "llm[0].configuration.";

std::string origin_of(const Config& config, const std::string& key) {
  const auto found = config.origins.find(key);
  return found == config.origins.end() ? "built-in" : found->second.text();
}

struct Row {
  std::string variable, value, key, file_line, flag_value;
  std::function<bool(const Config&)> has_environment, has_flag;
};

// Each variable: over the file, under the flag.
TEST(Precedence, OfEveryVariable) {
  const auto entry = [](auto member) {
    return [member](const Config& config) -> const auto& { return config.llm.at(0).*member; };
  };
  using E = ModelEntry;
  const auto ttl = entry(&E::cache_ttl);
  const auto tokens = entry(&E::cache_tokens_min);
  const auto key = entry(&E::api_key);
  const std::vector<Row> rows = {
      {"LLM_BATCHING_ENABLED", "true", "configuration.batchingEnabled", "batchingEnabled: false",
       "false", [](const Config& c) { return c.llm[0].batching_enabled; },
       [](const Config& c) { return !c.llm[0].batching_enabled; }},
      {"LLM_CACHING_ENABLED", "1", "configuration.cachingEnabled", "cachingEnabled: false", "false",
       [](const Config& c) { return c.llm[0].caching_enabled; },
       [](const Config& c) { return !c.llm[0].caching_enabled; }},
      {"LLM_OPTIMIZATION_STRATEGY", "disabled", "configuration.optimizationStrategy",
       "optimizationStrategy: auto", "auto",
       [](const Config& c) { return c.llm[0].strategy == Strategy::kDisabled; },
       [](const Config& c) { return c.llm[0].strategy == Strategy::kAuto; }},
      {"LLM_COST_TRACKING_ENABLED", "off", "configuration.trackCosts", "trackCosts: true", "true",
       [](const Config& c) { return !c.llm[0].track_costs && !c.optimization.track_cost_savings; },
       [](const Config& c) { return c.llm[0].track_costs; }},
      {"LLM_CACHE_TTL_SECONDS", "3600", "configuration.cacheTTL", "cacheTTL: 300", "300",
       [ttl](const Config& c) { return ttl(c) == seconds(3600); },
       [ttl](const Config& c) { return ttl(c) == seconds(300); }},
      {"LLM_CACHE_MIN_TOKENS", "4096", "configuration.cacheMinTokens", "cacheMinTokens: 1", "2",
       [tokens](const Config& c) { return tokens(c) == Tokens{4096}; },
       [tokens](const Config& c) { return tokens(c) == Tokens{2}; }},
      {"ANTHROPIC_API_KEY", "sk-env", "configuration.apiKey", "apiKey: sk-file", "sk-flag",
       [key](const Config& c) { return key(c) == "sk-env"; },
       [key](const Config& c) { return key(c) == "sk-flag"; }},
  };
  for (const auto& row : rows) {
    const auto path = kEntryKey + row.key.substr(row.key.find('.') + 1);
    const auto text = entry_with({row.file_line});
    const Environment environment = {{row.variable, row.value}};
    const auto file = load_text(text);
    EXPECT_EQ(origin_of(file.config, path), "weir.yaml:5") << row.variable;
    const auto over_file = load_text(text, environment);
    ASSERT_THAT(texts(over_file.errors), IsEmpty()) << row.variable;
    EXPECT_TRUE(row.has_environment(over_file.config)) << row.variable;
    EXPECT_EQ(origin_of(over_file.config, path), row.variable);
    EXPECT_TRUE(row.has_environment(load_text(entry_with({}), environment).config)) << row.variable;
    const auto flag = load_text(text, environment, {{row.key, row.flag_value, "--flag"}});
    ASSERT_THAT(texts(flag.errors), IsEmpty()) << row.variable;
    EXPECT_TRUE(row.has_flag(flag.config)) << row.variable;
    EXPECT_EQ(origin_of(flag.config, path), "--flag");
  }
}

TEST(Precedence, OfTheVariablesOfOptimization) {
  const std::string text =
      "optimization: {enableMetrics: true, trackCostSavings: true, defaultBatchSize: 1, "
      "defaultBatchTimeout: 2}";
  const Environment environment = {{"LLM_METRICS_ENABLED", "false"},
                                   {"LLM_COST_TRACKING_ENABLED", "false"},
                                   {"LLM_BATCH_MAX_SIZE", "20"},
                                   {"LLM_BATCH_TIMEOUT_SECONDS", "40"}};
  const auto set = load_text(text, environment).config;
  EXPECT_FALSE(set.optimization.metrics_enabled);
  EXPECT_FALSE(set.optimization.track_cost_savings);
  EXPECT_EQ(set.optimization.batch_size, 20U);
  EXPECT_EQ(set.optimization.batch_timeout, seconds(40));
  EXPECT_EQ(origin_of(set, "optimization.defaultBatchSize"), "LLM_BATCH_MAX_SIZE");
  const auto flags = load_text(text, environment,
                               {{"optimization.enableMetrics", "true", "--set"},
                                {"optimization.trackCostSavings", "true", "--set"},
                                {"optimization.defaultBatchSize", "3", "--set"},
                                {"optimization.defaultBatchTimeout", "4", "--set"}})
                         .config;
  EXPECT_TRUE(flags.optimization.metrics_enabled);
  EXPECT_TRUE(flags.optimization.track_cost_savings);
  EXPECT_EQ(flags.optimization.batch_size, 3U);
  EXPECT_EQ(flags.optimization.batch_timeout, seconds(4));
}

TEST(Precedence, AVariableReachesEveryEntry) {
  const auto config = load_text(
                          "llm:\n"
                          "  - {provider: openAI, configuration: {model: gpt-5.4}}\n"
                          "  - {provider: xai, configuration: {model: m}}\n"
                          "embedding:\n"
                          "  - {provider: openAI, configuration: {model: e}}\n",
                          {{"LLM_BATCHING_ENABLED", "true"}, {"OPENAI_API_KEY", "sk-o"}})
                          .config;
  EXPECT_TRUE(config.llm[0].batching_enabled);
  EXPECT_TRUE(config.llm[1].batching_enabled);
  EXPECT_TRUE(config.embedding[0].batching_enabled);
  EXPECT_EQ(config.llm[0].api_key, "sk-o");
  EXPECT_EQ(config.llm[1].api_key, std::nullopt);
  EXPECT_EQ(config.embedding[0].api_key, "sk-o");
}

TEST(Precedence, EveryProviderHasItsKeyVariable) {
  const std::vector<std::array<std::string, 3>> rows = {
      {"anthropic", "ANTHROPIC_API_KEY", ""},
      {"openAI", "OPENAI_API_KEY", ""},
      {"gemini", "GOOGLE_API_KEY", ""},
      {"azureOpenAI", "AZURE_OPENAI_API_KEY", "{endpoint: 'https://a', deploymentName: d, "},
      {"bedrock", "AWS_BEARER_TOKEN_BEDROCK", "{region: r, "},
      {"cohere", "COHERE_API_KEY", ""},
      {"fireworks", "FIREWORKS_API_KEY", ""},
      {"groq", "GROQ_API_KEY", ""},
      {"mistral", "MISTRAL_API_KEY", ""},
      {"ollama", "OLLAMA_API_KEY", ""},
      {"together", "TOGETHER_API_KEY", ""},
      {"xai", "XAI_API_KEY", ""}};
  for (const auto& [provider, variable, keys] : rows) {
    const auto loaded = load_text("llm: [{provider: " + provider + ", configuration: " +
                                      (keys.empty() ? "{" : keys) + "model: m}}]",
                                  {{variable, "sk"}});
    ASSERT_THAT(texts(loaded.errors), IsEmpty()) << provider;
    EXPECT_EQ(loaded.config.llm[0].api_key, "sk") << provider;
  }
}

TEST(Precedence, AwsVariables) {
  const auto config =
      load_text(entry_with({"region: r"}, "bedrock"), {{"AWS_ACCESS_KEY_ID", "id"},
                                                       {"AWS_SECRET_ACCESS_KEY", "secret"},
                                                       {"AWS_SESSION_TOKEN", "token"}})
          .config;
  EXPECT_EQ(config.llm[0].extra.at("awsAccessKeyId"), "id");
  EXPECT_EQ(config.llm[0].extra.at("awsAccessSecretKey"), "secret");
  EXPECT_EQ(config.llm[0].extra.at("awsSessionToken"), "token");
}

TEST(Precedence, FalseVariablesWinOverFlags) {
  const auto loaded = load_text(entry_with({"batchingEnabled: true", "cachingEnabled: true"}),
                                {{"LLM_BATCHING_ENABLED", "false"}, {"LLM_CACHING_ENABLED", "0"}},
                                {{"configuration.batchingEnabled", "true", "--batching"},
                                 {"llm[0].configuration.cachingEnabled", "true", "--caching"}});
  ASSERT_TRUE(loaded.ok());
  EXPECT_FALSE(loaded.config.llm[0].batching_enabled);
  EXPECT_FALSE(loaded.config.llm[0].caching_enabled);
  EXPECT_EQ(origin_of(loaded.config, "llm[0].configuration.batchingEnabled"),
            "LLM_BATCHING_ENABLED");
  EXPECT_THAT(
      texts(loaded.config.warnings),
      ElementsAre(
          "--batching: LLM_BATCHING_ENABLED=false wins over this (unset "
          "LLM_BATCHING_ENABLED)",
          "--caching: LLM_CACHING_ENABLED=false wins over this (unset LLM_CACHING_ENABLED)"));
}

TEST(Precedence, FalseVariablesWinOverAWorkload) {
  const auto loaded = load_text(entry_with({"batchingEnabled: true"}) +
                                    "workloads: [{name: w, route: batch, strategy: both}]\n",
                                {{"LLM_BATCHING_ENABLED", "false"}});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.workloads[0].route, plan::RouteWish::kSync);
  EXPECT_THAT(texts(loaded.config.warnings),
              testing::Contains("weir.yaml:6:30: route batch, but batchingEnabled is false for "
                                "anthropic, which wins (set batchingEnabled: true)"));
}

TEST(Precedence, AnEmptyVariableIsNone) {
  const auto loaded = load_text(entry_with({"apiKey: sk"}),
                                {{"ANTHROPIC_API_KEY", ""}, {"LLM_BATCHING_ENABLED", ""}});
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.llm[0].api_key, "sk");
}

TEST(Precedence, AReplacedKeyIsTold) {
  const Environment environment = {{"ANTHROPIC_API_KEY", "sk-env"}, {"MINE", "sk-mine"}};
  EXPECT_THAT(warnings_of(entry_with({"apiKey: sk-file"}), environment),
              ElementsAre("weir.yaml:5:15: 'apiKey' is replaced by ANTHROPIC_API_KEY (unset "
                          "ANTHROPIC_API_KEY, or write ${NAME} of the variable that is meant)"));
  // ${NAME} names its variable: the provider's own does not replace it.
  const auto named = load_text(entry_with({"apiKey: ${MINE}"}), environment);
  EXPECT_EQ(named.config.llm[0].api_key, "sk-mine");
  EXPECT_THAT(texts(named.config.warnings), IsEmpty());
}

TEST(Precedence, ReferencesExpandInSecrets) {
  const Environment environment = {{"A_1", "x"}, {"B", "${A_1}"}};
  EXPECT_EQ(load_text(entry_with({"apiKey: pre-${A_1}${A_1}-$post"}), environment)
                .config.llm.at(0)
                .api_key,
            "pre-xx-$post");
  // What a variable holds is not expanded again.
  EXPECT_EQ(load_text(entry_with({"apiKey: ${B}"}), environment).config.llm.at(0).api_key,
            "${A_1}");
  const auto google = load_text(
      entry_with({"project: p", "serviceAccountJson: '${A_1}'"}, "vertexAI"), environment);
  EXPECT_EQ(google.config.llm.at(0).extra.at("serviceAccountJson"), "x");
}

TEST(Precedence, UnsetValuesAreBuiltIn) {
  const auto config = load_text(entry_with({})).config;
  EXPECT_EQ(origin_of(config, "llm[0].configuration.batchMaxSize"), "built-in");
  EXPECT_EQ(origin_of(config, "llm[0].provider"), "weir.yaml:2");
}

TEST(Warnings, SwitchedOffWithTheReason) {
  const auto ollama =
      load_text(entry_with({"batchingEnabled: true", "cachingEnabled: true"}, "ollama", "llama3"));
  ASSERT_TRUE(ollama.ok());
  EXPECT_FALSE(ollama.config.llm[0].batching_enabled);
  EXPECT_FALSE(ollama.config.llm[0].caching_enabled);
  EXPECT_EQ(origin_of(ollama.config, "llm[0].configuration.batchingEnabled"),
            "weir.yaml:5, adjusted");
  EXPECT_THAT(texts(ollama.config.warnings),
              ElementsAre("weir.yaml:5:24: 'batchingEnabled' is switched off: ollama has no batch "
                          "API (set batchingEnabled: false)",
                          "weir.yaml:6:23: 'cachingEnabled' is switched off: ollama bills nothing "
                          "that a cache could save (set cachingEnabled: false)"));
}

TEST(Warnings, LimitsOfTheProvider) {
  const auto loaded =
      load_text(entry_with({"batchMaxSize: 100001", "batchTimeoutSeconds: 86401",
                            "batchPollIntervalSeconds: 1", "cacheMaxBreakpoints: 5"}));
  ASSERT_TRUE(loaded.ok());
  const auto& entry = loaded.config.llm[0];
  EXPECT_EQ(entry.batch_size_max, 100'000U);
  EXPECT_EQ(entry.batch_timeout, seconds(86'400));
  EXPECT_GT(entry.batch_poll_interval, seconds(1));
  EXPECT_EQ(entry.cache_breakpoints_max, 4U);
  const auto warnings = texts(loaded.config.warnings);
  ASSERT_EQ(warnings.size(), 4U);
  EXPECT_EQ(warnings[0],
            "weir.yaml:5:21: 'batchMaxSize' is above the limit of anthropic: 100000 it is (set "
            "batchMaxSize: 100000)");
  EXPECT_THAT(warnings[2], HasSubstr("'batchPollIntervalSeconds' is below the limit of anthropic"));
  EXPECT_THAT(warnings_of(entry_with({"batchMaxSize: 60000"}, "openAI", "gpt-5.4")),
              ElementsAre(HasSubstr("50000 it is")));
}

TEST(Warnings, TtlsAreRoundedUp) {
  struct Ttl {
    std::string provider, model;
    int given, kept;
    std::string warning;
  };
  const std::vector<Ttl> rows = {
      {"anthropic", "claude-sonnet-5", 60, 300, "has no TTL of 60 s: the next longer is 300 s"},
      {"anthropic", "claude-sonnet-5", 300, 300, ""},
      {"anthropic", "claude-sonnet-5", 301, 3600, "has no TTL of 301 s: the next longer is 3600 s"},
      {"anthropic", "claude-sonnet-5", 7200, 3600, "has no TTL of 7200 s: the longest is 3600 s"},
      {"openAI", "gpt-5.4", 300, 1800, "has no TTL of 300 s: the next longer is 1800 s"},
      {"xai", "grok-4.3", 300, 300, ""}};  // not in the catalogue: as given
  for (const auto& row : rows) {
    const auto loaded =
        load_text(entry_with({"cacheTTL: " + std::to_string(row.given)}, row.provider, row.model));
    EXPECT_EQ(loaded.config.llm.at(0).cache_ttl, seconds(row.kept)) << row.given;
    const auto warnings = texts(loaded.config.warnings);
    if (row.warning.empty()) EXPECT_THAT(warnings, IsEmpty());
    else EXPECT_THAT(warnings, ElementsAre(HasSubstr(row.warning)));
  }
  const auto workload = load_text(entry_with({}) + "workloads: [{name: w, cacheTTL: 400}]\n");
  EXPECT_EQ(workload.config.workloads[0].cache_ttl, seconds(3600));
}

TEST(Warnings, AFalseFlagWinsOverAStrategy) {
  EXPECT_THAT(
      warnings_of(entry_with({"optimizationStrategy: batch_only", "batchingEnabled: false"})),
      ElementsAre("weir.yaml:5:29: strategy batch_only wants batches, but batchingEnabled is "
                  "false for anthropic, which wins (set batchingEnabled: true, or another "
                  "strategy)"));
  EXPECT_THAT(warnings_of(entry_with({"optimizationStrategy: both"})), testing::SizeIs(2));
  EXPECT_THAT(warnings_of(entry_with({"optimizationStrategy: cache_only"})), testing::SizeIs(1));
  EXPECT_THAT(warnings_of(entry_with({"optimizationStrategy: auto"})), IsEmpty());
}

TEST(Warnings, ACacheStrategyThatTheProviderLacks) {
  const auto loaded = load_text(entry_with({"cachingEnabled: true", "cacheStrategy: explicit"},
                                           "groq", "openai/gpt-oss-20b"));
  EXPECT_EQ(loaded.config.llm.at(0).cache_strategy, CacheStrategy::kAutomatic);
  EXPECT_THAT(texts(loaded.config.warnings),
              ElementsAre(HasSubstr("groq takes no cache marks: cacheStrategy is automatic")));
}

TEST(Warnings, AModelThatTheCatalogueLacks) {
  EXPECT_THAT(
      warnings_of(entry_with({}, "anthropic", "claude-sonet-5")),
      ElementsAre("weir.yaml:4:14: the catalogue has no price of 'anthropic/claude-sonet-5' "
                  "(did you mean 'claude-sonnet-5'?)"));
}

TEST(Warnings, AGatherAboveTheBatch) {
  const auto loaded =
      load_text(entry_with({"batchMaxSize: 50"}) + "workloads: [{name: w, gather: {count: 60}}]\n");
  EXPECT_EQ(loaded.config.workloads[0].gather.count, 50U);
  EXPECT_THAT(texts(loaded.config.warnings), ElementsAre(HasSubstr("50 it is")));
}

}  // namespace
}  // namespace weir::config
