// The schema and the listing follow from the table: they are valid, complete, and show no secret.
#include "config/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/show.h"
#include "config/testing.h"
#include "json/value.h"
#include "prompt/answer_schema.h"

namespace weir::config {
namespace {

using testing::HasSubstr;
using testing::Not;

bool allows(std::string_view json) {
  static const auto instance = prompt::AnswerSchema::parse(schema_json());
  if (!instance) {
    ADD_FAILURE() << instance.error().text();
    return false;
  }
  return instance->check(json).has_value();
}

TEST(Schema, AllowsWhatLoadTakes) {
  EXPECT_TRUE(allows("{}"));
  const std::string_view full = R"({"observe":true,
    "llm":[{"provider":"bedrock","isDefault":true,"configuration":{"model":"m","region":"r",
      "awsAccessKeyId":"a","awsAccessSecretKey":"b","batchingEnabled":true,"cacheTTL":300}}],
    "optimization":{"logLevel":"DEBUG","cacheWarningThreshold":0.2},
    "workloads":[{"name":"w","deadline":"24h","budget":{"usd":12.5},"gather":{"count":5}},
      {"name":"v","deadline":3600,"budget":{"usd":"12.50"}}]})";
  EXPECT_TRUE(allows(full));
  EXPECT_THAT(errors_of(full), testing::IsEmpty());
}

TEST(Schema, RefusesWhatLoadRefuses) {
  for (const std::string_view text :
       {R"({"llms":[]})", R"({"llm":[{}]})", R"({"llm":[{"provider":"xai"}]})",
        R"({"llm":[{"provider":"xai","configuration":{}}]})",
        R"({"llm":[{"provider":"none","configuration":{"model":"m"}}]})",
        R"({"llm":[{"provider":"xai","configuration":{"model":"m","batchMaxSize":0}}]})",
        R"({"llm":[{"provider":"xai","configuration":{"model":"m","batchingEnabled":"true"}}]})",
        R"({"llm":[{"provider":"xai","configuration":{"model":"m","region":"r"}}]})",
        R"({"llm":[{"provider":"xai","configuration":{"model":"m","dimensions":5}}]})",
        R"({"llm":[{"provider":"bedrock","configuration":{"model":"m"}}]})",
        R"({"llm":[{"provider":"xai","configuration":{"model":"m","cacheStrategy":"x"}}]})",
        R"({"optimization":{"logLevel":"LOUD"}})", R"({"workloads":[{"route":"sync"}]})",
        R"({"workloads":[{"name":"w","rollout":101}]})"}) {
    EXPECT_FALSE(allows(text)) << text;
    EXPECT_THAT(errors_of(text), Not(testing::IsEmpty())) << text;
  }
}

TEST(Schema, SaysDefaultsRangesAndVariables) {
  json::Parser parser;
  const auto schema = parser.parse(schema_json());
  ASSERT_TRUE(schema.has_value());
  const auto optimization = (*schema)["properties"]["optimization"]["properties"];
  EXPECT_EQ(optimization["defaultBatchSize"]["default"].integer_or(0), 100);
  EXPECT_EQ(optimization["defaultBatchSize"]["x-environment"].string_or(""), "LLM_BATCH_MAX_SIZE");
  EXPECT_EQ(optimization["cacheHitRateThreshold"]["maximum"].integer_or(0), 1);
  const auto entry =
      (*schema)["properties"]["llm"]["items"]["properties"]["configuration"]["properties"];
  EXPECT_EQ(entry["location"]["default"].string_or(""), "us-central1");
  EXPECT_EQ(entry["apiKey"]["writeOnly"].boolean(), true);
  EXPECT_EQ(entry["cacheTTL"]["default"].text(), "null");  // it has none
}

TEST(Show, ValuesOriginsAndMasks) {
  const auto config =
      load_text(
          entry_with({"region: eu-1", "apiKey: sk-hidden", "awsAccessKeyId: AKIAhidden",
                      "awsAccessSecretKey: hidden", "awsSessionToken: hidden", "batchMaxSize: 500"},
                     "bedrock"),
          {{"LLM_METRICS_ENABLED", "false"}}, {{"observe", "true", "--observe"}})
          .config;
  const auto text = show_text(config);
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
  EXPECT_THAT(text, testing::ContainsRegex("apiKey +\\*\\*\\*\\* +weir.yaml:6\n"));
  EXPECT_THAT(text, testing::ContainsRegex("batchMaxSize +500 +weir.yaml:10\n"));
  EXPECT_THAT(text, testing::ContainsRegex("batchTimeoutSeconds +86400 +built-in\n"));
  EXPECT_THAT(text, testing::ContainsRegex("enableMetrics +false +LLM_METRICS_ENABLED\n"));
  EXPECT_THAT(text, testing::ContainsRegex("\nobserve +true +--observe\n"));
  const auto listing = show_json(config);
  EXPECT_THAT(listing, Not(HasSubstr("hidden")));
  json::Parser parser;
  ASSERT_TRUE(parser.parse(listing).has_value());
  EXPECT_THAT(listing, HasSubstr(R"({"key":"llm[0].configuration.batchMaxSize","value":500,)"
                                 R"("origin":"file","name":"weir.yaml","line":10,"column":21})"));
  EXPECT_THAT(listing, HasSubstr(R"({"key":"llm[0].configuration.cacheTTL","value":null,)"));
}

TEST(Show, AServiceAccountIsMasked) {
  const auto config =
      load_text(entry_with({"project: p", "serviceAccountJson: hidden"}, "vertexAI")).config;
  EXPECT_THAT(show_text(config) + show_json(config), Not(HasSubstr("hidden")));
}

}  // namespace
}  // namespace weir::config
