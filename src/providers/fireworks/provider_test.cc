// What the adapter sends, and what it makes of answers, errors and rows. The batch machine has its own tests.
#include <gtest/gtest.h>

#include <set>

#include "provider/adapter.h"
#include "providers/fireworks/errors.h"

namespace weir::providers::fireworks {
const provider::Adapter& adapter();

namespace {

using provider::Row;

const provider::Credentials kCredentials{.base_path = "/", .key = "key"};
const Time kNow = from_unix_seconds(1'795'000'000);

llm::Request plain() {
  llm::Request request;
  request.model = "accounts/fireworks/models/kimi-k3";
  request.messages = {{llm::Role::kUser, {{"hello"}}}};
  request.output_max = Tokens{200};
  request.seed = 7;
  request.cache_key = "job-7";
  return request;
}

TEST(FireworksProvider, WhatIsSent) {
  auto request = plain();
  request.stream = true;
  const auto plan = adapter().encode_sync(request, {kCredentials, "01ATTEMPT"});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->target, "/inference/v1/chat/completions");
  EXPECT_EQ(plan->headers.find("authorization"), "Bearer key");
  EXPECT_EQ(plan->headers.find("x-client-request-id"), "01ATTEMPT");
  EXPECT_EQ(plan->origin, std::nullopt);
  EXPECT_EQ(std::get<std::string>(plan->body[0]),
            R"({"model":"accounts/fireworks/models/kimi-k3","messages":[{"role":"user","content":)"
            R"("hello"}],"max_tokens":200,"seed":7,"prompt_cache_key":"job-7","stream":true})");
  EXPECT_EQ(adapter().encode_probe(kCredentials, "accounts/fireworks/models/kimi-k3").target,
            "/v1/accounts/fireworks/models/kimi-k3");
  EXPECT_EQ(adapter().encode_probe({.base_path = "/fireworks", .key = "k"}, "a b").target,
            "/fireworks/v1/a%20b");
}

TEST(FireworksProvider, LinesOfABatchNameNoModel) {
  std::string line;
  ASSERT_TRUE(adapter().encode_item("w1-0", plain(), line));
  EXPECT_EQ(line, R"({"custom_id":"w1-0","body":{"messages":[{"role":"user","content":"hello"}],)"
                  R"("max_tokens":200,"seed":7,"prompt_cache_key":"job-7"}})");
  // Nor do ready-made ones; all else in them passes byte for byte.
  for (const auto& [raw, sent] :
       {std::pair(R"({"model": "m", "messages":[ 1 ]})", R"({ "messages":[ 1 ]})"),
        std::pair(R"({"messages":[ 1 ] , "model":"m"})", R"({"messages":[ 1 ] })"),
        std::pair(R"({"messages":[],"model":"m","n":1})", R"({"messages":[],"n":1})"),
        std::pair(R"({"model":"m"})", "{}"),
        std::pair(R"({"messages":[]})", R"({"messages":[]})")}) {
    llm::Request request;
    request.model = "other";
    request.raw = llm::RawBody{llm::Dialect::kOpenAIChat, raw};
    line.clear();
    ASSERT_TRUE(adapter().encode_item("w1-0", request, line)) << raw;
    EXPECT_EQ(line, R"({"custom_id":"w1-0","body":)" + std::string(sent) + "}");
  }
}

TEST(FireworksProvider, UsageInExclusiveBuckets) {
  const auto out = adapter().decode_sync(
      {.status = 200,
       .headers = {},
       .body =
           R"({"id":"1","created":1795000000,"model":"m","choices":[{"index":0,"message":{"content":"x","reasoning_content":"hm"},"finish_reason":"stop"}],"usage":{"prompt_tokens":47,"total_tokens":49,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":29}}})"},
      kNow);
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->usage, (llm::Usage{.input = {18}, .cache_read = {29}, .output = {2}}));
  EXPECT_EQ(out->text, "x");
}

TEST(FireworksProvider, AStreamTellsItsUsageOnTheLastChunk) {
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(
      R"(data: {"id":"1","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"dev"},"finish_reason":null}],"usage":null}

data: {"id":"1","choices":[{"index":0,"delta":{"content":"el"},"finish_reason":"stop"}],"usage":{"prompt_tokens":70,"completion_tokens":2}}

data: [DONE]

)",
      text));
  const auto out = decoder->finish();
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(text, "devel");
  EXPECT_EQ(out->usage, (llm::Usage{.input = {70}, .output = {2}}));
}

TEST(FireworksErrors, EachRow) {
  using enum ErrorKind;
  struct Case {
    int status;
    const char* body;
    ErrorKind kind;
  };
  const Case cases[] = {
      {401, "{}", kUnauthenticated},
      {403, R"({"error":{"message":"The API key you provided is invalid.","code":"UNAUTHORIZED"}})",
       kUnauthenticated},
      {402, "{}", kInvalidArgument},
      {412, R"({"error":{"message":"suspended"}})", kInvalidArgument},
      {404, R"({"code":5,"message":"resource not found","details":[]})", kNotFound},
      {400, R"({"code":3,"message":"example_count is required","details":[]})", kInvalidArgument},
      {413, "", kInvalidArgument},
      {429, R"({"error":{"type":"rate_limit_exceeded"}})", kRateLimited},
      {408, "", kRateLimited},
      {500, R"({"code":13,"message":"internal"})", kUnavailable},
      {503, "<html>", kUnavailable},
      {0, R"({"code":"INVALID_ARGUMENT"})", kInvalidArgument},
      {0, R"({"code":"RESOURCE_EXHAUSTED"})", kRateLimited},
      {0, R"({"code":"PERMISSION_DENIED"})", kUnauthenticated},
      {0, R"({"code":"NOT_FOUND"})", kNotFound},
      {0, R"({"code":"INTERNAL"})", kUnavailable},
      {0, R"({"code":"UNAVAILABLE"})", kUnavailable},
      {0, R"({"code":"SOMETHING_NEW"})", kUnavailable},
  };
  const provider::openai_chat::Options options{.provider = "fireworks", .errors = error_rules()};
  for (const auto& [status, body, kind] : cases) {
    json::Parser parser;
    const auto error = provider::openai_chat::decode_error_body(
        options, status, parser.parse(body).value_or(json::Value()));
    EXPECT_EQ(to_string(error.kind), to_string(kind)) << status << " " << body;
  }
}

TEST(FireworksErrors, NoRuleStandsTwice) {
  std::set<std::pair<int, std::string_view>> seen;
  for (const auto& rule : error_rules())
    EXPECT_TRUE(seen.emplace(rule.status, rule.code).second) << rule.status << " " << rule.code;
}

TEST(FireworksProvider, RateLimits) {
  const auto limits = adapter().rate_limits(
      {{"x-ratelimit-limit-requests", "600"}, {"x-ratelimit-remaining-requests", "599"}}, kNow);
  EXPECT_EQ(limits.requests,
            (provider::RateWindow{600, 599, kNow, kNow + std::chrono::minutes(1)}));
  EXPECT_EQ(limits.tokens, std::nullopt);
}

TEST(FireworksRows, Both) {
  const auto row = [](std::string_view line) { return adapter().decode_row("x", line, kNow); };
  // The completion stands there without a wrapper.
  const auto good = row(
      R"({"custom_id":"w1-0","response":{"id":"c","object":"chat.completion","created":1788062136,"choices":[{"index":0,"message":{"content":"4"},"finish_reason":"stop"}],"usage":{"prompt_tokens":47,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":29}}}})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->outcome, Row::Outcome::kSucceeded);
  EXPECT_EQ(good->response.text, "4");
  EXPECT_EQ(good->response.usage, (llm::Usage{.input = {18}, .cache_read = {29}, .output = {2}}));
  // It ran and is billed, though nobody can read it.
  const auto billed = row(R"({"custom_id":"w1-1","response":{"usage":{"prompt_tokens":9}}})");
  ASSERT_TRUE(billed);
  EXPECT_EQ(billed->outcome, Row::Outcome::kErrored);
  EXPECT_EQ(billed->error.kind, ErrorKind::kBadResponse);
  EXPECT_EQ(billed->response.usage.input.count, 9);
  // Lines of error-data were never seen: whatever carries a custom_id is an error.
  const auto failed =
      row(R"({"custom_id":"w1-2","error":{"code":"INVALID_ARGUMENT","message":"too long"}})");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error.kind, ErrorKind::kInvalidArgument);
  EXPECT_NE(failed->error.message.find("too long"), std::string::npos);
  for (const auto* line :
       {R"({"custom_id":"w1-3","error":"no capacity"})", R"({"custom_id":"w1-4"})",
        R"({"custom_id":"w1-5","response":{"error":{"message":"m"}}})",
        R"({"custom_id":"w1-6","response":{"status_code":503,"error":{"message":"m"}}})"}) {
    const auto other = row(line);
    ASSERT_TRUE(other) << line;
    EXPECT_EQ(other->outcome, Row::Outcome::kErrored);
    EXPECT_EQ(other->error.kind, ErrorKind::kUnavailable) << line;
  }
  for (const auto* line : {"", "[]", R"({"response":{}})", R"({"custom_id":""})",
                           R"({"custom_id":"a","custom_id":"b"})"}) {
    const auto none = row(line);
    ASSERT_FALSE(none) << line;
    EXPECT_EQ(none.error().kind, ErrorKind::kBadResponse);
  }
}

}  // namespace
}  // namespace weir::providers::fireworks
