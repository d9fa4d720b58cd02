#include <gtest/gtest.h>

#include "json/lines.h"
#include "provider/adapter.h"
#include "providers/anthropic/testing.h"

namespace weir::providers::anthropic {
const provider::Adapter& adapter();
namespace {

const provider::Credentials kCredentials{.base_path = "/anthropic", .key = "secret"};
const provider::SyncCall kCall{.credentials = kCredentials, .attempt_id = "attempt-1"};

llm::Request plain() {
  llm::Request request;
  request.model = "claude-haiku-4-5";
  request.output_max = Tokens{16};
  request.system = {{.text = "Be brief."}};
  request.messages = {{.role = llm::Role::kUser, .content = {{.text = "Hello"}}}};
  return request;
}

llm::Request marked() {
  using llm::CacheMark;
  llm::Request request;
  request.model = "claude-sonnet-5";
  request.output_max = Tokens{300};
  request.system = {
      {.text = "You sort packages.\n\"Sections\":", .mark = CacheMark{llm::CacheTtl::k1h}},
      {.text = "Answer in JSON."}};
  request.messages = {
      {.role = llm::Role::kUser, .content = {{.text = "Example", .mark = CacheMark{}}}},
      {.role = llm::Role::kAssistant, .content = {{.text = "{}"}}},
      {.role = llm::Role::kUser, .content = {{.text = "Größe: 5 µm"}}}};
  request.temperature = 0.25;
  request.format = llm::AnswerFormat{
      .name = "answer",
      .schema_json =
          R"({"type":"object","properties":{"section":{"type":"string"}},"required":["section"],"additionalProperties":false})"};
  request.cache = llm::CachePolicy::kMarked;
  request.stream = true;
  return request;
}

std::string inline_body(const http::RequestPlan& plan) {
  EXPECT_EQ(plan.body.size(), 1U);
  return std::get<std::string>(plan.body.at(0));
}

TEST(AnthropicSync, TheRequestIsTheRecordedOne) {
  const auto plan = adapter().encode_sync(plain(), kCall);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->method, http::Method::kPost);
  EXPECT_EQ(plan->target, "/anthropic/v1/messages");
  EXPECT_EQ(plan->headers.find("x-api-key"), "secret");
  EXPECT_EQ(plan->headers.find("anthropic-version"), "2023-06-01");
  EXPECT_EQ(plan->headers.find("content-type"), "application/json");
  EXPECT_EQ(plan->headers.find("x-client-request-id"), "attempt-1");
  EXPECT_EQ(inline_body(*plan), testdata("sync.plain.request.json"));
  const auto second = adapter().encode_sync(marked(), kCall);
  ASSERT_TRUE(second);
  EXPECT_EQ(inline_body(*second), testdata("sync.marked.request.json"));
}

TEST(AnthropicSync, TheDefaultEndpointHasNoBasePath) {
  const provider::Credentials bare{.base_path = "", .key = "k"};
  const auto plan = adapter().encode_sync(plain(), {.credentials = bare, .attempt_id = "a"});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->target, "/v1/messages");
}

TEST(AnthropicSync, WhatCannotBeSaidIsRefused) {
  llm::Request request = plain();
  request.output_max.reset();
  const auto plan = adapter().encode_sync(request, kCall);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kInvalidArgument);
}

TEST(AnthropicSync, ThePlainAnswer) {
  const auto response = adapter().decode_sync(
      {.status = 200, .headers = {}, .body = testdata("sync.plain.response.json")}, Time{});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->id, "msg_01Plain");
  EXPECT_EQ(response->model, "claude-haiku-4-5");
  EXPECT_EQ(response->text, "Hello. How are you?");
  EXPECT_EQ(response->finish, llm::FinishReason::kStop);
  EXPECT_EQ(response->finish_raw, "end_turn");
  EXPECT_EQ(response->usage.input, Tokens{11});
  EXPECT_EQ(response->usage.cache_read, Tokens{1024});
  EXPECT_EQ(response->usage.cache_write_5m, Tokens{300});
  EXPECT_EQ(response->usage.cache_write_1h, Tokens{2000});
  EXPECT_EQ(response->usage.output, Tokens{7});
  EXPECT_TRUE(response->usage_raw.starts_with(R"({"input_tokens":11,)"));
  EXPECT_TRUE(response->usage_raw.ends_with(R"("service_tier":"standard"})"));
}

TEST(AnthropicSync, ToolCallsKeepTheirBytes) {
  const auto response = adapter().decode_sync(
      {.status = 200, .headers = {}, .body = testdata("sync.tool_use.response.json")}, Time{});
  ASSERT_TRUE(response);
  EXPECT_EQ(
      response->tool_calls_json,
      R"([{ "type":"tool_use","id":"toolu_1","name":"look","input":{"b":1.0, "a":[2e2]}},{"type":"tool_use","id":"toolu_2","name":"look","input":{}}])");
  EXPECT_EQ(response->finish, llm::FinishReason::kToolUse);
}

TEST(AnthropicSync, AnswersThatAreNone) {
  const auto error_of = [](int status, std::string body) {
    const auto response = adapter().decode_sync(
        {.status = status, .headers = {{"request-id", "req_1"}}, .body = std::move(body)}, Time{});
    EXPECT_FALSE(response);
    return response ? Error{} : response.error();
  };
  EXPECT_EQ(error_of(200, "").kind, ErrorKind::kBadResponse);
  EXPECT_EQ(error_of(200, R"({"content":[)").kind, ErrorKind::kBadResponse);
  EXPECT_EQ(error_of(200, R"({"content":[]})").request_id, "req_1");
  EXPECT_EQ(error_of(429, testdata("sync.rate_limited.response.json")).kind,
            ErrorKind::kRateLimited);
}

TEST(AnthropicSync, RateLimitsOfItsHeaders) {
  http::Headers headers;
  headers.add("anthropic-ratelimit-requests-limit", "50");
  headers.add("anthropic-ratelimit-requests-remaining", "49");
  headers.add("anthropic-ratelimit-requests-reset", "2026-11-18T00:00:01Z");
  headers.add("anthropic-ratelimit-tokens-limit", "80000");
  headers.add("anthropic-ratelimit-tokens-remaining", "0");
  headers.add("anthropic-ratelimit-tokens-reset", "2026-11-18T00:01:00Z");
  const Time now = *parse_rfc3339("2026-11-18T00:00:00Z");
  const auto limits = adapter().rate_limits(headers, now);
  EXPECT_EQ(limits.requests, (provider::RateWindow{50, 49, now, now + std::chrono::seconds(1)}));
  EXPECT_EQ(limits.tokens, (provider::RateWindow{80000, 0, now, now + std::chrono::minutes(1)}));
  EXPECT_EQ(adapter().rate_limits({}, now), provider::RateLimits{});
}

TEST(AnthropicSync, TheProbeCostsNothing) {
  const auto plan = adapter().encode_probe(kCredentials, "claude/5");
  EXPECT_EQ(plan.method, http::Method::kGet);
  EXPECT_EQ(plan.target, "/anthropic/v1/models/claude%2F5");
  EXPECT_EQ(plan.headers.find("x-api-key"), "secret");
  EXPECT_TRUE(plan.body.empty());
}

TEST(AnthropicStreamAnswer, AnyChunkingGivesTheSame) {
  const std::string bytes = testdata("stream.text_and_tool.response.sse");
  ASSERT_FALSE(bytes.empty());
  for (std::size_t size = 1; size <= bytes.size(); size = size < 40 ? size + 1 : size * 2) {
    const auto decoder = adapter().stream_decoder();
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += size)
      ASSERT_TRUE(decoder->feed(std::string_view(bytes).substr(at, size), text));
    const auto response = decoder->finish();
    ASSERT_TRUE(response) << size;
    EXPECT_EQ(text, "Grüße, world");
    EXPECT_EQ(response->text, text);
    EXPECT_EQ(response->id, "msg_01Stream");
    EXPECT_EQ(response->model, "claude-sonnet-5");
    EXPECT_EQ(response->finish, llm::FinishReason::kToolUse);
    EXPECT_EQ(response->tool_calls_json,
              R"([{"type":"tool_use","id":"toolu_1","name":"look","input":{"place": "Berlin"}}])");
    EXPECT_EQ(response->usage, (llm::Usage{.input = {25},
                                           .cache_read = {400},
                                           .cache_write_5m = {0},
                                           .cache_write_1h = {1100},
                                           .cache_write = {0},
                                           .output = {42}}));
  }
}

TEST(AnthropicItems, TheImageIsTheCreateBody) {
  const auto format = adapter().image_format();
  std::string image(format.head);
  ASSERT_TRUE(adapter().encode_item("w1-0", plain(), image));
  image += format.separator;
  ASSERT_TRUE(adapter().encode_item("w1-1", plain(), image));
  image += format.tail;
  const std::string params = testdata("sync.plain.request.json");
  EXPECT_EQ(image, R"({"requests":[{"custom_id":"w1-0","params":)" + params +
                       R"(},{"custom_id":"w1-1","params":)" + params + "}]}");
}

TEST(AnthropicItems, ReadyMadeOnesAreMarkedWhereTheirBlocksSay) {
  llm::Request request;
  request.model = "claude-sonnet-5";
  request.raw = llm::RawBody{llm::Dialect::kAnthropicMessages,
                             R"({"model":"claude-sonnet-5", "system":"S","messages":[]})"};
  const auto listed = adapter().raw_blocks(*request.raw);
  ASSERT_TRUE(listed && !listed->blocks.empty());
  EXPECT_TRUE(listed->blocks[0].markable);
  request.raw->marks = {{.block = 0, .ttl = llm::CacheTtl::k1h}};
  std::string out;
  ASSERT_TRUE(adapter().encode_item("w1-0", request, out));
  EXPECT_EQ(out,
            R"({"custom_id":"w1-0","params":{"model":"claude-sonnet-5", "system":[{"type":"text",)"
            R"("text":"S","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[]}})");
}

TEST(AnthropicItems, StreamedOnesAreRefusedAndLeaveNoBytes) {
  std::string out = "x";
  llm::Request raw;
  raw.raw = llm::RawBody{llm::Dialect::kAnthropicMessages, R"({"stream" : true})"};
  for (const auto& request : {raw, marked()}) {
    const auto done = adapter().encode_item("w1-0", request, out);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::kInvalidArgument);
  }
  raw.raw->dialect = llm::Dialect::kOpenAIChat;
  raw.raw->bytes = "{}";
  const auto done = adapter().encode_item("w1-0", raw, out);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(out, "x");
}

TEST(AnthropicRows, EveryKind) {
  using Outcome = provider::Row::Outcome;
  const std::string bytes = testdata("results.rows.response.jsonl");
  json::LineSplitter lines(1 << 20);
  std::vector<provider::Row> rows;
  const auto on_line = [&](const json::LineSplitter::Line& line) {
    auto row = adapter().decode_row("results", line.bytes, Time{});
    EXPECT_TRUE(row) << line.number;
    if (row) rows.push_back(*std::move(row));
    return true;
  };
  lines.feed(bytes, on_line);
  lines.finish(on_line);
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].outcome, Outcome::kSucceeded);
  EXPECT_EQ(rows[0].custom_id, "w0123456789ABCDEF-0");
  EXPECT_EQ(rows[0].response.text, R"({"section":"devel"})");
  EXPECT_EQ(rows[0].response.usage.cache_read, Tokens{2600});
  EXPECT_TRUE(rows[0].response.usage_raw.ends_with(R"("service_tier":"batch"})"));
  EXPECT_EQ(rows[1].outcome, Outcome::kErrored);
  EXPECT_EQ(rows[1].error.kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(rows[2].outcome, Outcome::kErrored);
  EXPECT_EQ(rows[2].error.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(rows[2].error.request_id, "workerreq_1");
  EXPECT_EQ(rows[3].outcome, Outcome::kCancelled);
  EXPECT_EQ(rows[4].outcome, Outcome::kExpired);
  EXPECT_EQ(rows[5].outcome, Outcome::kErrored);
  EXPECT_EQ(rows[5].error.kind, ErrorKind::kBadResponse);
}

TEST(AnthropicRows, AnErrorNestedOnceIsReadToo) {
  const auto row = adapter().decode_row(
      "results",
      R"({"custom_id":"a","result":{"type":"errored","error":{"type":"api_error","message":"m"}}})",
      Time{});
  ASSERT_TRUE(row);
  EXPECT_EQ(row->error.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(row->error.provider_code, "api_error");
}

TEST(AnthropicRows, ABilledRowWithoutItsMessageIsAnErrorOfItsItem) {
  const auto row = adapter().decode_row(
      "results",
      R"({"custom_id":"a","result":{"type":"succeeded","message":{"usage":{"output_tokens":4}}}})",
      Time{});
  ASSERT_TRUE(row);
  EXPECT_EQ(row->outcome, provider::Row::Outcome::kErrored);
  EXPECT_EQ(row->error.kind, ErrorKind::kBadResponse);
  EXPECT_EQ(row->response.usage.output, Tokens{4});
  EXPECT_EQ(row->response.usage_raw, R"({"output_tokens":4})");
  const auto none =
      adapter().decode_row("results", R"({"custom_id":"a","result":{"type":"succeeded"}})", Time{});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->error.kind, ErrorKind::kBadResponse);
}

TEST(AnthropicRows, LinesThatAreNoRows) {
  for (const auto* line :
       {"", "{", "[]", "{}", R"({"custom_id":"a"})", R"({"result":{}})",
        R"({"custom_id":1,"result":{"type":"expired"}})", "{\"custom_id\":\"\xFF\"}"}) {
    const auto row = adapter().decode_row("results", line, Time{});
    ASSERT_FALSE(row) << line;
    EXPECT_EQ(row.error().kind, ErrorKind::kBadResponse);
  }
}

}  // namespace
}  // namespace weir::providers::anthropic
