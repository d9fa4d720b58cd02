// Requests, answers, streams, errors and rows as the adapter writes and reads them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "json/value.h"
#include "provider/adapter.h"

namespace weir::providers::cohere {

const provider::Adapter& adapter();

namespace {

using llm::FinishReason;
using llm::Role;

const Time kNow = parse_rfc3339("2026-11-23T12:00:00Z").value();

llm::Request plain() {
  return {.model = "command-r7b-12-2024",
          .system = {{.text = "You sort."}},
          .messages = {{Role::kUser, {{.text = "Sort "}}}}};
}
llm::Request whole() {
  auto out = plain();
  out.messages = {
      {Role::kUser,
       {{.text = "See", .goes_on = true},
        {.text = " this"},
        {.text = "", .image = llm::Image{"image/png", "iVBORw0KGgo=", ""}},
        {.text = "", .image = llm::Image{"", "", "https://x.example/a.png"}}}},
      {Role::kAssistant,
       {{.text = "I look."},
        {.text = "", .tool_call = llm::ToolCall{"c1", "look", R"({"at":1})"}}}},
      {Role::kUser,
       {{.text = "", .tool_result = llm::ToolResult{"c1", "a cat"}}, {.text = "And?"}}}};
  out.tools = {
      {.name = "look", .description = "Looks.", .parameters_json = "{\"type\":\n\"object\"}"}};
  out.output_max = Tokens{64};
  out.temperature = 0.5;
  out.top_p = 0.9;
  out.seed = 7;
  return out;
}
std::string sync_body(const llm::Request& request) {
  const provider::Credentials credentials{.base_path = "", .key = "k"};
  const auto plan = adapter().encode_sync(request, {credentials, "attempt-1"}).value();
  EXPECT_EQ(plan.target, "/v2/chat");
  EXPECT_EQ(plan.headers.find("authorization"), "Bearer k");
  EXPECT_EQ(plan.headers.find("x-client-request-id"), "attempt-1");
  return std::get<std::string>(plan.body.at(0));
}
Result<std::string> item(const llm::Request& request) {
  std::string out;
  WEIR_CHECK(adapter().encode_item("w1-0", request, out));
  return out;
}

TEST(CohereEncode, ASyncRequest) {
  EXPECT_EQ(sync_body(plain()),
            R"({"model":"command-r7b-12-2024","messages":[{"role":"system","content":"You sort."},)"
            R"({"role":"user","content":"Sort "}],"stream":false})");
  EXPECT_EQ(
      sync_body(whole()),
      R"({"model":"command-r7b-12-2024","messages":[{"role":"system","content":"You sort."},)"
      R"({"role":"user","content":[{"type":"text","text":"See this"},{"type":"image_url",)"
      R"("image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},{"type":"image_url",)"
      R"("image_url":{"url":"https://x.example/a.png"}}]},{"role":"assistant","content":"I look.",)"
      R"("tool_calls":[{"id":"c1","type":"function","function":{"name":"look",)"
      R"("arguments":"{\"at\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"a cat"},)"
      R"({"role":"user","content":"And?"}],"tools":[{"type":"function","function":{"name":"look",)"
      R"("description":"Looks.","parameters":{"type": "object"}}}],"max_tokens":64,)"
      R"("temperature":0.5,"seed":7,"p":0.9,"stream":false})");
  auto more = plain();
  more.format = llm::AnswerFormat{"answer", R"({"type":"object"})"};
  more.stop = {"END"};
  more.stream = true;
  EXPECT_NE(sync_body(more).find(
                R"("response_format":{"type":"json_object","json_schema":{"type":"object"}},)"
                R"("stop_sequences":["END"],"stream":true})"),
            std::string::npos);
  auto forced = whole();
  forced.tool_choice.kind = llm::ToolChoice::Kind::kRequired;
  EXPECT_NE(sync_body(forced).find(R"("tool_choice":"REQUIRED")"), std::string::npos);
  forced.tool_choice.kind = llm::ToolChoice::Kind::kNone;
  EXPECT_NE(sync_body(forced).find(R"("tool_choice":"NONE")"), std::string::npos);
}

// A row of a dataset is of another format: lists of parts, bare URLs, schemas within texts.
TEST(CohereEncode, ARow) {
  EXPECT_EQ(
      item(plain()).value(),
      R"({"custom_id":"w1-0","body":{"messages":[{"role":"system","content":[{"type":"text",)"
      R"("text":"You sort."}]},{"role":"user","content":[{"type":"text","text":"Sort "}]}]}})");
  const auto row = item(whole()).value();
  for (const auto* piece :
       {R"("image_url":"https://x.example/a.png")", R"("parameters":"{\"type\":\n\"object\"}")",
        R"({"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"a cat"}]})"})
    EXPECT_NE(row.find(piece), std::string::npos) << piece << row;
  EXPECT_EQ(row.find("\"model\""), std::string::npos);
  EXPECT_EQ(row.find("\"stream\""), std::string::npos);
  EXPECT_EQ(row.find('\n'), std::string::npos);
}

TEST(CohereEncode, WhatCannotBeSaidIsRefused) {
  const provider::Credentials credentials;
  const auto refused = [&](const auto& change, bool batch = false) {
    auto request = whole();
    change(request);
    if (batch) return item(request).error().kind;
    return adapter().encode_sync(request, {credentials, "a"}).error().kind;
  };
  using Kind = llm::ToolChoice::Kind;
  const auto unsupported = ErrorKind::kUnsupported;
  EXPECT_EQ(refused([](auto& r) { r.tool_choice = {Kind::kNamed, "look"}; }), unsupported);
  EXPECT_EQ(refused([](auto& r) { r.format = llm::AnswerFormat{"a", "{}"}; }), unsupported);
  EXPECT_EQ(refused([](auto& r) { r.system[0].mark.emplace(); }), unsupported);
  EXPECT_EQ(refused([](auto& r) { r.tools[0].mark.emplace(); }), unsupported);
  EXPECT_EQ(refused([](auto& r) { r.messages[2].content[0].tool_result->is_error = true; }),
            unsupported);
  EXPECT_EQ(refused([](auto& r) { r.raw = llm::RawBody{.bytes = "{}"}; }), unsupported);
  EXPECT_EQ(refused([](auto& r) { r.model.clear(); }), ErrorKind::kInvalidArgument);
  // Beside those, in a batch.
  EXPECT_EQ(refused([](auto& r) { r.stop = {"x"}; }, true), unsupported);
  EXPECT_EQ(refused([](auto& r) { r.tool_choice.kind = Kind::kNone; }, true), unsupported);
  EXPECT_EQ(refused(
                [](auto& r) {
                  r.tools.clear();
                  r.format = llm::AnswerFormat{"a", "{}"};
                },
                true),
            unsupported);
  EXPECT_EQ(adapter().raw_blocks({}).error().kind, unsupported);
}

const std::string kUsage =
    R"("usage":{"billed_units":{"input_tokens":30.0,"output_tokens":7.0},)"
    R"("tokens":{"input_tokens":108.0,"output_tokens":9.0},"cached_tokens":10.0})";

std::string answer_text(std::string_view message, std::string_view finish = "COMPLETE",
                        std::string_view usage = kUsage) {
  return fmt::format(R"({{"id":"id-1","message":{},"finish_reason":"{}",{}}})", message, finish,
                     usage);
}
Result<llm::Response> answer(std::string body, int status = 200, http::Headers headers = {}) {
  return adapter().decode_sync(
      {.status = status, .headers = std::move(headers), .body = std::move(body)}, kNow);
}

TEST(CohereDecode, AnAnswer) {
  const auto got =
      answer(answer_text(R"({"role":"assistant","content":[{"type":"thinking","thinking":"Hm"},)"
                         R"({"type":"text","text":"A"},{"type":"text","text":"B"}]})"))
          .value();
  EXPECT_EQ(got.id, "id-1");
  EXPECT_EQ(got.text, "AB");
  EXPECT_EQ(got.finish, FinishReason::kStop);
  // What is billed counts; of it, what was cached is told apart.
  EXPECT_EQ(got.usage,
            (llm::Usage{.input = Tokens{20}, .cache_read = Tokens{10}, .output = Tokens{7}}));
  EXPECT_NE(got.usage_raw.find("108"), std::string::npos);
  EXPECT_EQ(got.tool_calls_json, "");
}

TEST(CohereDecode, ReasonsAndCalls) {
  for (const auto& [word, reason] :
       {std::pair("COMPLETE", FinishReason::kStop), std::pair("STOP_SEQUENCE", FinishReason::kStop),
        std::pair("MAX_TOKENS", FinishReason::kLength),
        std::pair("TOOL_CALL", FinishReason::kToolUse), std::pair("ERROR", FinishReason::kOther),
        std::pair("TIMEOUT", FinishReason::kOther), std::pair("NEW", FinishReason::kOther)})
    EXPECT_EQ(answer(answer_text(R"({"content":[]})", word)).value().finish, reason) << word;
  const auto got = answer(answer_text(R"({"role":"assistant","tool_plan":"I look.","content":null,)"
                                      R"("tool_calls":[{"id":"c1","type":"function","function":)"
                                      R"({"name":"look","arguments":"{\"at\":2}"}}]})",
                                      "TOOL_CALL"))
                       .value();
  EXPECT_EQ(got.text, "");  // the plan is none
  EXPECT_EQ(adapter().tool_calls(got).value(),
            (std::vector{llm::ToolCall{"c1", "look", R"({"at":2})"}}));
  llm::Response odd;
  for (const auto* json : {"{}", R"([{"id":"c"}])", R"([{"function":{"name":"x"}}])"}) {
    odd.tool_calls_json = json;
    EXPECT_EQ(adapter().tool_calls(odd).error().kind, ErrorKind::kBadResponse);
  }
}

// Usage vectors: raw object, then input, cache_read, output.
TEST(CohereDecode, Usage) {
  const auto of = [](std::string_view usage) {
    const auto got = answer(answer_text(R"({"content":"x"})", "COMPLETE", usage)).value().usage;
    return std::array{got.input.count, got.cache_read.count, got.output.count};
  };
  using Counts = std::array<std::int64_t, 3>;
  EXPECT_EQ(of(kUsage), (Counts{20, 10, 7}));
  EXPECT_EQ(of(R"("usage":{"tokens":{"input_tokens":5,"output_tokens":2}})"), (Counts{5, 0, 2}));
  EXPECT_EQ(of(R"("usage":{"billed_units":{"input_tokens":5},"cached_tokens":9})"),
            (Counts{0, 5, 0}));
  EXPECT_EQ(of(R"("usage":{"billed_units":{"input_tokens":-5,"output_tokens":1e300}})"),
            (Counts{0, 0, 0}));
  EXPECT_EQ(of(R"("usage":{"billed_units":{"input_tokens":null},"tokens":{"input_tokens":4.0}})"),
            (Counts{4, 0, 0}));
}

TEST(CohereDecode, WhatIsNoAnswerIsABadResponse) {
  for (const auto& body :
       {std::string("x"), std::string("[]"), std::string("{}"), answer_text(R"("x")"),
        answer_text(R"({"content":"x"})", "COMPLETE", R"("usage":{})")})
    EXPECT_EQ(answer(body).error().kind, ErrorKind::kBadResponse) << body;
}

struct Refusal {
  int status;
  std::string_view words;
  ErrorKind kind;
};

TEST(CohereErrors, EachStatus) {
  for (const auto& [status, words, kind] :
       {Refusal{400, "invalid request: x", ErrorKind::kInvalidArgument},
        Refusal{401, "invalid api token", ErrorKind::kUnauthenticated},
        Refusal{402, "billing", ErrorKind::kInvalidArgument},
        Refusal{403, "no", ErrorKind::kUnauthenticated},
        Refusal{404, "model 'x' not found", ErrorKind::kNotFound},
        Refusal{422, "no", ErrorKind::kInvalidArgument},
        Refusal{429, "You are past the per minute request limit", ErrorKind::kRateLimited},
        Refusal{429, "limited to 40 API calls / minute", ErrorKind::kRateLimited},
        Refusal{429, "limited to 1000 API calls / month", ErrorKind::kInvalidArgument},
        Refusal{498, "blocked", ErrorKind::kInvalidArgument},
        Refusal{499, "cancelled", ErrorKind::kUnavailable},
        Refusal{500, "oops", ErrorKind::kUnavailable},
        Refusal{501, "no", ErrorKind::kInvalidArgument},
        Refusal{503, "busy", ErrorKind::kUnavailable},
        Refusal{504, "slow", ErrorKind::kUnavailable}}) {
    const auto error =
        answer(fmt::format(R"({{"message":"{}","id":"req-9"}})", words), status).error();
    EXPECT_EQ(error.kind, kind) << status << words;
    EXPECT_EQ(error.http_status, status);
    EXPECT_EQ(error.provider, "cohere");
    EXPECT_EQ(error.request_id, "req-9");
  }
  const auto waits = answer("{}", 429, {{"retry-after", "3"}, {"x-debug-trace-id", "t-1"}}).error();
  EXPECT_EQ(waits.retry_after, std::chrono::seconds(3));
  EXPECT_EQ(waits.request_id, "t-1");
  // What is said of a refused key may quote it.
  EXPECT_EQ(answer(R"({"message":"invalid api token abc"})", 401).error().message.find("abc"),
            std::string::npos);
}

TEST(CohereErrors, LimitsOfTrialKeys) {
  const auto limits = adapter().rate_limits(
      {{"x-trial-endpoint-call-limit", "20"}, {"x-trial-endpoint-call-remaining", "19"}}, kNow);
  ASSERT_TRUE(limits.requests.has_value());
  EXPECT_EQ(limits.requests->limit, 20U);
  EXPECT_EQ(limits.requests->remaining, 19U);
  EXPECT_EQ(limits.requests->full_at, kNow + std::chrono::minutes(1));
  EXPECT_EQ(adapter().rate_limits({}, kNow), provider::RateLimits{});
}

std::string event(std::string_view json) { return fmt::format("event: x\ndata: {}\n\n", json); }
const std::string kStart = event(
    R"({"type":"message-start","id":"id-2","delta":{"message":{"role":"assistant","content":[]}}})");
const std::string kEnd =
    event(R"({"type":"message-end","delta":{"finish_reason":"COMPLETE",)" + kUsage + "}}");

struct Streamed {
  std::string text;
  Result<llm::Response> response = llm::Response{};
};
Streamed stream(std::string_view bytes, std::size_t chunk) {
  const auto decoder = adapter().stream_decoder();
  Streamed out;
  for (std::size_t at = 0; at < bytes.size(); at += chunk)
    if (!decoder->feed(bytes.substr(at, chunk), out.text)) break;
  out.response = decoder->finish();
  return out;
}

TEST(CohereStream, TextInPieces) {
  const auto bytes =
      kStart +
      event(
          R"({"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":"H"}}}})") +
      event(
          R"({"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}})") +
      event(R"({"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Hé"}}}})") +
      event(
          R"({"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"llo"}}}})") +
      event(R"({"type":"content-end","index":1})") +
      event(R"({"type":"citation-start","index":0})") + kEnd;
  for (const std::size_t chunk : {1UL, 7UL, 10'000UL}) {
    const auto got = stream(bytes, chunk);
    EXPECT_EQ(got.text, "Héllo");
    EXPECT_EQ(got.response->text, "Héllo");
    EXPECT_EQ(got.response->id, "id-2");
    EXPECT_EQ(got.response->finish, FinishReason::kStop);
    EXPECT_EQ(got.response->usage.input, Tokens{20});
  }
}

TEST(CohereStream, CallsInPieces) {
  const auto got = stream(
      kStart + event(R"({"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}})") +
          event(
              R"({"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c1","type":"function","function":{"name":"look","arguments":""}}}}})") +
          event(
              R"({"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"at\""}}}}})") +
          event(
              R"({"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":":1}"}}}}})") +
          event(R"({"type":"tool-call-end","index":0})") +
          event(R"({"type":"message-end","delta":{"finish_reason":"TOOL_CALL",)" + kUsage + "}}"),
      5);
  EXPECT_EQ(got.text, "");
  EXPECT_EQ(got.response->finish, FinishReason::kToolUse);
  EXPECT_EQ(adapter().tool_calls(*got.response).value(),
            (std::vector{llm::ToolCall{"c1", "look", R"({"at":1})"}}));
}

TEST(CohereStream, WhatBreaksOffOrFails) {
  const auto delta =
      event(R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"x"}}}})");
  EXPECT_EQ(stream(kStart + delta, 9).response.error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(stream("", 9).response.error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(stream(kStart + event("nonsense"), 9).response.error().kind, ErrorKind::kBadResponse);
  EXPECT_EQ(stream(kStart + event(R"({"message":"internal error"})"), 9).response.error().kind,
            ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(stream(event(R"({"message":"too many requests"})"), 9).response.error().kind,
            ErrorKind::kRateLimited);
  EXPECT_EQ(
      stream(
          kStart + event(R"({"type":"message-end","delta":{"finish_reason":"ERROR","error":"x"}})"),
          9)
          .response.error()
          .kind,
      ErrorKind::kBadResponse);  // without usage
  EXPECT_EQ(stream(kStart + kEnd + event("later"), 9).response->finish, FinishReason::kStop);
}

TEST(CohereRows, AnswersAndErrors) {
  const auto row = [](std::string_view line) { return adapter().decode_row("part-0", line, kNow); };
  const auto body = answer_text(
      R"({"role":"assistant","tool_plan":null,"content":[{"type":"text","text":"A","thinking":null}],"tool_calls":null})");
  using RowOutcome = provider::Row::Outcome;
  auto got = row(fmt::format(R"({{"custom_id":"w1-0","error":"","body":{}}})", body)).value();
  EXPECT_EQ(got.custom_id, "w1-0");
  EXPECT_EQ(got.outcome, RowOutcome::kSucceeded);
  EXPECT_EQ(got.response.text, "A");
  EXPECT_EQ(got.response.usage.output, Tokens{7});
  got = row(R"({"custom_id":"w1-1","error":"invalid request: no","body":null})").value();
  EXPECT_EQ(got.outcome, RowOutcome::kErrored);
  EXPECT_EQ(got.error.kind, ErrorKind::kInvalidArgument);
  for (const auto* error : {R"("internal error")", R"({"message":"x"})", R"({"code":3})"})
    EXPECT_EQ(row(fmt::format(R"({{"custom_id":"w1-2","error":{},"body":null}})", error))
                  .value()
                  .error.kind,
              ErrorKind::kUnavailable);
  // It ran, and cannot be read: what it cost is kept.
  got = row(R"({"custom_id":"w1-3","body":{"message":null,)" + kUsage + "}}").value();
  EXPECT_EQ(got.outcome, RowOutcome::kErrored);
  EXPECT_EQ(got.response.usage.output, Tokens{7});
  for (const auto* line : {"x", "[]", R"({"custom_id":"","body":{}})",
                           R"({"custom_id":"w1-4","error":"","body":null})",
                           R"({"custom_id":"w1-4","custom_id":"w1-5","error":"x"})",
                           R"({"custom_id":"w1-4","body":"x"})"})
    EXPECT_EQ(row(line).error().kind, ErrorKind::kBadResponse) << line;
}

TEST(CohereProbe, AsksForTheModel) {
  const auto plan = adapter().encode_probe({.base_path = "/", .key = "k"}, "command-a-03-2025");
  EXPECT_EQ(plan.target, "/v1/models/command-a-03-2025");
  EXPECT_EQ(plan.method, http::Method::kGet);
}

}  // namespace
}  // namespace weir::providers::cohere
