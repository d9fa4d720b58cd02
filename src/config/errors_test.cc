// Each fault: one line with place, what and fix.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "config/testing.h"

namespace weir::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Case {
  std::string line, error;
};

// Keys of an entry stand from line 5 on, in column 7.
TEST(Errors, OfAnEntrysValues) {
  const std::vector<Case> cases = {
      {"batchingEnabled: maybe",
       "weir.yaml:5:24: 'batchingEnabled' wants true or false, not 'maybe' (give such a value, or "
       "leave the key out)"},
      {"batchingEnabled: yes",
       "weir.yaml:5:24: 'batchingEnabled' wants true or false, not 'yes' (give such a value, or "
       "leave the key out)"},
      {"batchMaxSize: \"100\"",
       "weir.yaml:5:21: 'batchMaxSize' wants a whole number of requests from 1 to 1000000, not "
       "'100' (remove the quotes)"},
      {"batchMaxSize: 0",
       "weir.yaml:5:21: 'batchMaxSize' wants a whole number of requests from 1 to 1000000, not '0' "
       "(give such a value, or leave the key out)"},
      {"batchMaxSize: -1",
       "weir.yaml:5:21: 'batchMaxSize' wants a whole number of requests from 1 to 1000000, not "
       "'-1' (give such a value, or leave the key out)"},
      {"batchMaxSize: 1.5",
       "weir.yaml:5:21: 'batchMaxSize' wants a whole number of requests from 1 to 1000000, not "
       "'1.5' (give such a value, or leave the key out)"},
      {"batchTimeoutSeconds: 24h",
       "weir.yaml:5:28: 'batchTimeoutSeconds' wants a whole number of seconds from 1 to 604800, "
       "not '24h' (give such a value, or leave the key out)"},
      {"batchPollIntervalSeconds: 0",
       "weir.yaml:5:33: 'batchPollIntervalSeconds' wants a whole number of seconds from 1 to "
       "86400, not '0' (give such a value, or leave the key out)"},
      {"cacheStrategy: explicite",
       "weir.yaml:5:22: 'cacheStrategy' wants explicit, automatic or none, not 'explicite' (did "
       "you mean 'explicit'?)"},
      {"cacheTTL: 700000",
       "weir.yaml:5:17: 'cacheTTL' wants a whole number of seconds from 1 to 604800, not '700000' "
       "(give such a value, or leave the key out)"},
      {"cacheMinTokens: many",
       "weir.yaml:5:23: 'cacheMinTokens' wants a whole number of tokens from 0 to 10000000, not "
       "'many' (give such a value, or leave the key out)"},
      {"cacheMaxBreakpoints: 33",
       "weir.yaml:5:28: 'cacheMaxBreakpoints' wants a whole number from 0 to 32, not '33' (give "
       "such a value, or leave the key out)"},
      {"optimizationStrategy: bach_only",
       "weir.yaml:5:29: 'optimizationStrategy' wants auto, batch_only, cache_only, both or "
       "disabled, not 'bach_only' (did you mean 'batch_only'?)"},
      {"optimizationPreference: cheap",
       "weir.yaml:5:31: 'optimizationPreference' wants cache or batch, not 'cheap' (give such a "
       "value, or leave the key out)"},
      {"temperature: 2.5",
       "weir.yaml:5:20: 'temperature' wants a number from 0 to 2, not '2.5' (give such a value, or "
       "leave the key out)"},
      {"temperature: .nan",
       "weir.yaml:5:20: 'temperature' wants a number from 0 to 2, not '.nan' (give such a value, "
       "or leave the key out)"},
      {"apiKey: \"\"",
       "weir.yaml:5:15: 'apiKey' wants text, not this value (give it a value, or leave the key "
       "out)"},
      {"endpoint: example.com",
       "weir.yaml:5:17: 'endpoint' wants an http or https URL (such as https://host/v1, with no "
       "user, password or fragment)"},
      {"endpoint: [a]",
       "weir.yaml:5:17: 'endpoint' wants text, not a list (see weir config schema)"},
      {"batchMaxSze: 5", "weir.yaml:5:7: unknown key 'batchMaxSze' (did you mean 'batchMaxSize'?)"},
      {"region: eu-central-1",
       "weir.yaml:5:7: 'region' is no key of anthropic (only of bedrock: remove it)"},
      {"dimensions: 256", "weir.yaml:5:7: unknown key 'dimensions' (known here: model, apiKey,"},
      {"model: other",
       "weir.yaml:5:7: the key 'model' stands here twice (the first is in line 4: "
       "remove one)"},
      {"apiKey: ${NOWHERE}",
       "weir.yaml:5:15: 'apiKey' names the environment variable NOWHERE, which is not set (set it, "
       "or write ${NAME} of one that is set)"},
      {"apiKey: a${b",
       "weir.yaml:5:15: 'apiKey' has ${ without } (set it, or write ${NAME} of one "
       "that is set)"},
      {"apiKey: ${sk-secret}",
       "weir.yaml:5:15: 'apiKey' has ${…} with no name of a variable in it "
       "(set it, or write ${NAME} of one that is set)"},
      {"endpoint: https://${HOST}/v1",
       "weir.yaml:5:17: 'endpoint' has ${…}, which is replaced in secrets only (write the value "
       "itself)"},
  };
  for (const auto& [line, error] : cases) {
    const auto errors = errors_of(entry_with({line}));
    ASSERT_EQ(errors.size(), 1U) << line << testing::PrintToString(errors);
    EXPECT_THAT(errors[0], testing::StartsWith(error)) << line;
  }
}

TEST(Errors, OfOptimization) {
  const std::vector<Case> cases = {
      {"logLevel: WARN",
       "weir.yaml:2:13: 'logLevel' wants DEBUG, INFO, WARNING or ERROR, not 'WARN' (give such a "
       "value, or leave the key out)"},
      {"logLevel: DEBUGG",
       "weir.yaml:2:13: 'logLevel' wants DEBUG, INFO, WARNING or ERROR, not 'DEBUGG' (did you mean "
       "'DEBUG'?)"},
      {"costReportingInterval: dayly",
       "weir.yaml:2:26: 'costReportingInterval' wants hourly, daily or weekly, not 'dayly' (did "
       "you mean 'daily'?)"},
      {"metricsRetentionDays: 0",
       "weir.yaml:2:25: 'metricsRetentionDays' wants a whole number of days from 1 to 3650, not "
       "'0' (give such a value, or leave the key out)"},
      {"cacheWarningThreshold: 1.5",
       "weir.yaml:2:26: 'cacheWarningThreshold' wants a number from 0 to 1, not '1.5' (give such a "
       "value, or leave the key out)"},
      {"defaultBatchsize: 5",
       "weir.yaml:2:3: unknown key 'defaultBatchsize' (did you mean 'defaultBatchSize'?)"},
  };
  for (const auto& [line, error] : cases)
    EXPECT_THAT(errors_of("optimization:\n  " + line + "\n"), ElementsAre(error)) << line;
}

TEST(Errors, OfAWorkload) {
  const std::vector<Case> cases = {
      {"route: batched",
       "weir.yaml:3:12: 'route' wants auto, sync or batch, not 'batched' (did you mean 'batch'?)"},
      {"preset: domain-extract",
       "weir.yaml:3:13: 'preset' wants domain-extraction, not 'domain-extract' (did you mean "
       "'domain-extraction'?)"},
      {"deadline: soon",
       "weir.yaml:3:15: 'deadline' wants a duration such as 24h, 90m or 30 (seconds), not 'soon' "
       "(give such a value, or leave the key out)"},
      {"rollout: 101",
       "weir.yaml:3:14: 'rollout' wants a number of per cent from 0 to 100, not '101' (give such a "
       "value, or leave the key out)"},
      {"retries: 21",
       "weir.yaml:3:14: 'retries' wants a whole number from 0 to 20, not '21' (give such a value, "
       "or leave the key out)"},
      {"budget: {usd: lots}",
       "weir.yaml:3:19: 'usd' wants an amount of dollars such as 12.50, not 'lots' (give such a "
       "value, or leave the key out)"},
      {"gather: 100",
       "weir.yaml:3:13: 'gather' wants keys with values, not a single value (see weir config "
       "schema)"},
      {"gather: {counts: 5}", "weir.yaml:3:14: unknown key 'counts' (did you mean 'count'?)"},
      {"provider: openai2",
       "weir.yaml:3:15: 'provider' wants anthropic, openAI, gemini, azureOpenAI, bedrock, "
       "vertexAI, cohere, fireworks, groq, mistral, ollama, together, xai or openAICompatible, not "
       "'openai2' (did you mean 'openAI'?)"},
      {"provider: xai", "weir.yaml:3:15: 'llm' has no entry of xai (add one, or name another)"},
      {"model: gpt", "weir.yaml:3:12: 'llm' has no model 'gpt' (add it to an entry)"},
      {"match: {value: a}",
       "weir.yaml:3:20: 'value' says nothing without 'header' (give the header's name)"},
      {"urgent: {values: a}",
       "weir.yaml:3:22: 'values' says nothing without 'header' or 'field' (say where urgency "
       "stands)"},
      {"budget: {per: day}", "weir.yaml:3:19: 'per' says nothing without 'usd' (give the amount)"},
      {"{route: batch}: 1", "weir.yaml:3:5: a key must be text"},
  };
  for (const auto& [line, error] : cases)
    EXPECT_THAT(errors_of("workloads:\n  - name: w\n    " + line + "\n"), ElementsAre(error))
        << line;
}

TEST(Errors, OfTheWholeFile) {
  const std::vector<Case> cases = {
      {"llms: []", "weir.yaml:1:1: unknown key 'llms' (did you mean 'llm'?)"},
      {"llm: {provider: xai}",
       "weir.yaml:1:6: 'llm' wants a list, not keys with values (see weir config schema)"},
      {"llm: [xai]",
       "weir.yaml:1:7: an entry of 'llm' wants keys with values, not a single value (see weir "
       "config schema)"},
      {"- llm",
       "weir.yaml:1:1: a configuration wants keys with values, not a list (begin with llm:)"},
      {"observe: true\n---\nobserve: false",
       "weir.yaml:3:1: a second document (one file is one configuration: remove what begins with "
       "---)"},
      {"llm: [",
       "weir.yaml:2:1: not YAML: end of sequence flow not found (check indentation, "
       "quotes and brackets before this place)"},
      {"a: \x01", "weir.yaml:1:4: control character 0x01 (remove it, or write it as \"\\x..\")"},
      {"a:\n  \xff", "weir.yaml:2:3: not UTF-8 (save it as UTF-8)"},
      {"workloads: [{name: w}, {name: w}]",
       "weir.yaml:1:31: a second workload 'w': the first is at weir.yaml:1:20 (give it another "
       "name)"},
      {"workloads: [{route: sync}]", "weir.yaml:1:13: 'name' is missing (give text)"},
  };
  for (const auto& [text, error] : cases) EXPECT_THAT(errors_of(text), ElementsAre(error)) << text;
  EXPECT_THAT(errors_of(std::string((1U << 20U) + 1, ' ')),
              ElementsAre("weir.yaml:1:1: larger than 1048576 bytes"));
}

// yaml-cpp by itself takes the rest of the file for the value.
TEST(Errors, AQuoteWithoutItsEnd) {
  const auto with_key = [](const std::string& value) {
    return entry_with({"apiKey: " + value}) + "optimization:\n  logLevel: DEBUG\n";
  };
  for (const std::string value : {"\"sk-1", "'sk-1", "'sk-1''", "\"sk\\\"", "&a 'sk", "!!str \"sk"})
    EXPECT_THAT(errors_of(with_key(value)), ElementsAre("weir.yaml:5:15: a quote without its end"))
        << value;
  for (const std::string value : {"\"sk\\\"1\"", "'sk''1'", "&a 'sk'", "|\n        'sk"})
    EXPECT_THAT(errors_of("\xef\xbb\xbf" + with_key(value)), IsEmpty()) << value;
}

TEST(Errors, OfDepthAndAliases) {
  EXPECT_THAT(errors_of("llm: " + std::string(5000, '[')), testing::SizeIs(1));
  EXPECT_THAT(errors_of("llm: " + std::string(40, '[') + std::string(40, ']')),
              ElementsAre(HasSubstr("nested deeper than 32 levels")));
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int n = 0; n < 10; ++n) bomb += (n > 0 ? ", " : "") + before;
    bomb += "]\n";
  }
  EXPECT_THAT(errors_of(bomb), ElementsAre(HasSubstr("aliases repeat too much")));
  EXPECT_THAT(errors_of("llm: &a [*a]"),
              ElementsAre(HasSubstr("an alias to what is not complete")));
}

TEST(Errors, OfEntries) {
  EXPECT_THAT(errors_of("llm:\n  - configuration: {model: m}\n"),
              ElementsAre(HasSubstr("weir.yaml:2:5: 'provider' is missing (give anthropic, ")));
  EXPECT_THAT(errors_of("llm:\n  - provider: xai\n"),
              ElementsAre("weir.yaml:2:5: 'model' is missing (give text, or several with commas "
                          "between)"));
  EXPECT_THAT(errors_of("llm:\n  - provider: xia\n    configuration: {model: m}\n"),
              ElementsAre(testing::AllOf(HasSubstr("weir.yaml:2:15: 'provider' wants anthropic"),
                                         HasSubstr("not 'xia' (did you mean 'xai'?)"))));
  EXPECT_THAT(errors_of("llm:\n  - provider: azureOpenAI\n    configuration: {model: m}\n"),
              ElementsAre("weir.yaml:3:20: 'endpoint' is missing for azureOpenAI (give text)",
                          "weir.yaml:3:20: 'deploymentName' is missing for azureOpenAI (give "
                          "text)"));
  EXPECT_THAT(errors_of(entry_with({}, "bedrock")),
              ElementsAre("weir.yaml:4:7: 'region' is missing for bedrock (give text)"));
  EXPECT_THAT(errors_of(entry_with({}, "vertexAI")),
              ElementsAre("weir.yaml:4:7: 'project' is missing for vertexAI (give text)"));
  EXPECT_THAT(errors_of(entry_with({}, "openAICompatible")),
              ElementsAre("weir.yaml:4:7: 'endpoint' is missing for openAICompatible (give text)"));
}

TEST(Errors, TwoDefaults) {
  EXPECT_THAT(
      errors_of("llm:\n"
                "  - {provider: xai, isDefault: true, configuration: {model: a}}\n"
                "  - {provider: groq, isDefault: true, configuration: {model: b}}\n"),
      ElementsAre("weir.yaml:3:33: two entries of 'llm' are the default: weir.yaml:2:32 and "
                  "weir.yaml:3:33 (leave isDefault at one of them)"));
}

TEST(Errors, Contradictions) {
  EXPECT_THAT(errors_of(entry_with({"cachingEnabled: true", "cacheStrategy: none"})),
              ElementsAre("weir.yaml:6:22: cacheStrategy none contradicts cachingEnabled true "
                          "(remove one of them)"));
  EXPECT_THAT(
      errors_of(entry_with({"optimizationStrategy: batch_only", "optimizationPreference: cache"})),
      ElementsAre("weir.yaml:6:31: preferring cache contradicts optimizationStrategy "
                  "batch_only (remove one of them)"));
  EXPECT_THAT(errors_of(entry_with({"region: r", "awsAccessKeyId: id"}, "bedrock")),
              ElementsAre("weir.yaml:6:23: awsAccessKeyId and awsAccessSecretKey go together (give "
                          "awsAccessSecretKey as well)"));
  EXPECT_THAT(errors_of("workloads: [{name: w, route: batch, strategy: cache_only}]"),
              ElementsAre("weir.yaml:1:30: route batch contradicts strategy cache_only (remove one "
                          "of them)"));
  EXPECT_THAT(errors_of("workloads: [{name: w, route: sync, strategy: batch_only}]"),
              ElementsAre(HasSubstr("route sync contradicts strategy batch_only")));
  EXPECT_THAT(errors_of("workloads: [{name: w, strategy: cache_only, preference: batch}]"),
              ElementsAre(HasSubstr("preferring batch contradicts strategy cache_only")));
}

TEST(Errors, AllAreTold) {
  EXPECT_THAT(errors_of("llm:\n"
                        "  - provider: xai\n"
                        "    configuration: {model: m, batchMaxSize: x, foo: 1}\n"
                        "observe: 3\n"),
              ElementsAre(HasSubstr(":3:45: 'batchMaxSize'"), HasSubstr(":3:48: unknown key 'foo'"),
                          HasSubstr(":4:10: 'observe'")));
}

TEST(Errors, NeverShowASecret) {
  for (const std::string line : {"apiKey: [sk-hidden]", "apiKey: {sk: sk-hidden}",
                                 "apiKey: sk-${sk-hidden}", "apiKey: sk-hidden${NOWHERE}"})
    EXPECT_THAT(errors_of(entry_with({line})), Not(Contains(HasSubstr("hidden")))) << line;
  EXPECT_THAT(errors_of(entry_with({"endpoint: https://me:hidden@host"})),
              Not(Contains(HasSubstr("hidden"))));
}

TEST(Errors, ShowOnlyTheBeginningOfALongText) {
  std::string name;
  for (int i = 0; i < 400; ++i) name += "ä";
  for (const auto& text : {name + ": 1", "optimization: {logLevel: " + name + "}"})
    EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("ääää…'"))) << text.size();
  EXPECT_LT(errors_of(name + ": 1").at(0).size(), 300U);
}

TEST(Errors, AreBounded) {
  std::string keys;
  for (int i = 0; i < 20'000; ++i) keys += "key" + std::to_string(i) + ": 1\n";
  const auto errors = errors_of(keys);
  ASSERT_EQ(errors.size(), 201U);
  EXPECT_EQ(errors.back(), "weir.yaml:201:1: more errors than are told (correct these first)");
  std::string entries = "llm: [";
  for (int i = 0; i < 1001; ++i) entries += "{},";
  EXPECT_THAT(errors_of(entries + "]"),
              ElementsAre("weir.yaml:1:6: 'llm' has more than 1000 entries"));
}

TEST(Errors, AreOneLine) {
  for (const auto& error : errors_of("\"a\\nb\": 1\n\"\\u001b[31m\": 2\n"))
    for (const char c : error) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(Errors, OfVariablesAndFlags) {
  const auto text = entry_with({});
  EXPECT_THAT(
      errors_of(text, {{"LLM_BATCHING_ENABLED", "maybe"}}),
      ElementsAre("LLM_BATCHING_ENABLED: 'batchingEnabled' wants true or false, not 'maybe' "
                  "(give such a value, or leave the key out)"));
  EXPECT_THAT(errors_of(text, {}, {{"optimization.logLevl", "INFO", "--set"}}),
              ElementsAre("--set: unknown key 'optimization.logLevl' (did you mean "
                          "'optimization.logLevel'?)"));
  EXPECT_THAT(errors_of(text, {}, {{"configuration.cacheTTL", "long", "--cache-ttl"}}),
              ElementsAre(HasSubstr("--cache-ttl: 'cacheTTL' wants a whole number of seconds")));
  EXPECT_THAT(errors_of("", {}, {{"configuration.cacheTTL", "300", "--set"}}), IsEmpty());
  // What a flag means in a file that cannot be read, nobody knows.
  EXPECT_THAT(errors_of("llm: [", {}, {{"llm[0].isDefault", "true", "--set"}}),
              ElementsAre(HasSubstr("not YAML")));
}

TEST(Errors, RemoteFilesNameNoVariables) {
  const Environment environment = {{"MINE", "sk-1"}, {"OPENAI_API_KEY", "sk-2"}};
  const auto named = load_text(entry_with({"apiKey: ${MINE}"}), environment, {}, Trust::kRemote);
  EXPECT_THAT(texts(named.errors),
              ElementsAre(HasSubstr("'apiKey' has ${…}, which only a local file may have")));
  const auto moved = load_text(entry_with({"endpoint: https://evil.example"}, "openAI", "gpt-5.4"),
                               environment, {}, Trust::kRemote);
  EXPECT_EQ(moved.config.llm.at(0).api_key, std::nullopt);
  EXPECT_THAT(texts(moved.config.warnings),
              Contains(HasSubstr("OPENAI_API_KEY is not sent to an endpoint that a remote")));
}

}  // namespace
}  // namespace weir::config
