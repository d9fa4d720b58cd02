// What the adapter sends, byte for byte, and what it makes of answers, errors, streams, jobs and rows.
#include <gtest/gtest.h>

#include <set>

#include "provider/adapter.h"
#include "providers/mistral/errors.h"

namespace weir::providers::mistral {
const provider::Adapter& adapter();

namespace {

using Kind = provider::BatchEvent::Kind;
using provider::Row;
using std::chrono::minutes;
using std::chrono::seconds;

const provider::Credentials kCredentials{.base_path = "/v1", .key = "key"};
const Time kNow = from_unix_seconds(1'795'000'000);

llm::Request plain() {
  llm::Request request;
  request.model = "mistral-small-2603";
  request.system = {{"Name the section."}};
  request.messages = {{llm::Role::kUser, {{"hello: a program that greets"}}}};
  request.output_max = Tokens{200};
  request.cache_key = "job-7";
  return request;
}

std::string sent(const llm::Request& request) {
  const auto plan = adapter().encode_sync(request, {kCredentials, "01ATTEMPT"});
  return plan ? std::get<std::string>(plan->body[0]) : plan.error().text();
}

Error error_of(int status, std::string body, http::Headers headers = {}) {
  const auto out = adapter().decode_sync(
      {.status = status, .headers = std::move(headers), .body = std::move(body)}, kNow);
  return out ? Error{} : out.error();
}

TEST(MistralProvider, WhatIsSent) {
  auto request = plain();
  request.temperature = 0.5;
  request.top_p = 0.9;
  request.seed = 7;
  request.stop = {"END"};
  request.format = {"answer", R"({"type":"object"})"};
  request.stream = true;
  EXPECT_EQ(
      sent(request),
      R"({"model":"mistral-small-2603","messages":[{"role":"system","content":"Name the section."},)"
      R"({"role":"user","content":"hello: a program that greets"}],"max_tokens":200,)"
      R"("temperature":0.5,"top_p":0.9,"random_seed":7,"stop":["END"],"response_format":)"
      R"({"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":)"
      R"({"type":"object"}}},"prompt_cache_key":"job-7","stream":true})");
  const auto plan = adapter().encode_sync(plain(), {kCredentials, "01ATTEMPT"});
  EXPECT_EQ(plan->target, "/v1/chat/completions");
  EXPECT_EQ(plan->headers.find("authorization"), "Bearer key");
  EXPECT_EQ(plan->headers.find("x-client-request-id"), "01ATTEMPT");
  EXPECT_EQ(adapter().encode_probe(kCredentials, "m/x").target, "/v1/models/m%2Fx");
}

TEST(MistralProvider, WhatItCannotTakeIsRefusedBeforeSending) {
  auto request = plain();
  request.temperature = 1.6;
  EXPECT_EQ(sent(request), "mistral takes a temperature of at most 1.5 (lower it)");
  request = plain();
  request.system[0].mark = llm::CacheMark{};
  request.cache = llm::CachePolicy::kMarked;
  EXPECT_EQ(adapter().encode_sync(request, {kCredentials, "a"}).error().kind,
            ErrorKind::kUnsupported);
}

// Mistral takes ids of nine letters and digits. Others become such ones, in calls and results alike.
TEST(MistralProvider, IdsOfToolCallsAreMadeToFit) {
  auto request = plain();
  const auto call = [](std::string id) {
    return llm::Block{.text = "", .tool_call = llm::ToolCall{std::move(id), "f", "{}"}};
  };
  const auto result = [](std::string id) {
    return llm::Block{.text = "", .tool_result = llm::ToolResult{std::move(id), "r"}};
  };
  request.messages.push_back({llm::Role::kAssistant, {call("call_1"), call("Abc012xyZ")}});
  request.messages.push_back({llm::Role::kUser, {result("call_1"), result("Abc012xyZ")}});
  const auto body = sent(request);
  json::Parser parser;
  const auto root = parser.parse(body).value();
  std::vector<std::string> ids;
  for (const auto item : root["messages"].items()) {
    const json::Value message(item);
    for (const auto made : message["tool_calls"].items())
      ids.push_back(json::Value(made)["id"].string_or(""));
    if (const auto id = message["tool_call_id"].string()) ids.emplace_back(*id);
  }
  ASSERT_EQ(ids.size(), 4U) << body;
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(ids[0].size(), 9U);
  EXPECT_EQ(ids[0].find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos);
  EXPECT_EQ(ids[1], "Abc012xyZ");
  EXPECT_EQ(ids[3], "Abc012xyZ");
  EXPECT_EQ(sent(request), body);
}

TEST(MistralProvider, UsageInExclusiveBuckets) {
  struct Case {
    const char* usage;
    llm::Usage want;
  };
  const Case cases[] = {
      {R"({"prompt_tokens":100,"completion_tokens":5,"total_tokens":105})",
       {.input = {100}, .output = {5}}},
      {R"({"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":64},"prompt_audio_seconds":null})",
       {.input = {36}, .cache_read = {64}, .output = {5}}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":64}})",
       {.input = {0}, .cache_read = {64}, .output = {5}}},
  };
  for (const auto& [usage, want] : cases) {
    const auto out = adapter().decode_sync(
        {.status = 200,
         .headers = {},
         .body =
             R"({"id":"1","created":1795000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"devel"}]},"finish_reason":"model_length"}],"usage":)" +
             std::string(usage) + "}"},
        kNow);
    ASSERT_TRUE(out) << out.error().text();
    EXPECT_EQ(out->usage, want) << usage;
    EXPECT_EQ(out->text, "devel");
    EXPECT_EQ(out->finish, llm::FinishReason::kLength);
  }
}

TEST(MistralProvider, AStreamMayComeInParts) {
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(
      R"(data: {"id":"1","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"1","choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]},"finish_reason":null}]}

data: {"id":"1","choices":[{"index":0,"delta":{"content":[{"type":"text","text":"dev"}]},"finish_reason":null}]}

data: {"id":"1","choices":[{"index":0,"delta":{"content":"el"},"finish_reason":"stop"}],"usage":{"prompt_tokens":70,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":64}}}

data: [DONE]

)",
      text));
  const auto out = decoder->finish();
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(text, "devel");
  EXPECT_EQ(out->text, "devel");
  EXPECT_EQ(out->usage, (llm::Usage{.input = {6}, .cache_read = {64}, .output = {2}}));
}

TEST(MistralProvider, AnErrorWithinAStreamIsSeen) {
  const auto decoder = adapter().stream_decoder();
  std::string text;
  EXPECT_FALSE(
      decoder->feed("data: "
                    "{\"object\":\"error\",\"message\":\"gone\",\"type\":\"invalid_model\","
                    "\"code\":\"1500\"}\n\n",
                    text));
  ASSERT_FALSE(decoder->finish());
  EXPECT_EQ(decoder->finish().error().kind, ErrorKind::kNotFound);
}

// --- Errors ---------------------------------------------------------------------------------------------------------

std::string flat(std::string_view type, std::string_view code) {
  return R"({"object":"error","message":"m","type":")" + std::string(type) +
         R"(","param":null,"code":)" + (code.empty() ? "null" : "\"" + std::string(code) + "\"") +
         "}";
}

TEST(MistralErrors, EachRow) {
  using enum ErrorKind;
  struct Case {
    int status;
    std::string body;
    ErrorKind kind;
  };
  const Case cases[] = {
      {401, R"({"detail":"Invalid API Key"})", kUnauthenticated},
      {403, R"({"message":"no"})", kUnauthenticated},
      {402, "{}", kInvalidArgument},
      {404, R"({"detail":"Not Found"})", kNotFound},
      {400, flat("invalid_model", "1500"), kNotFound},
      {400, flat("", "1500"), kNotFound},
      {400, flat("invalid_request_file", "3310"), kInvalidArgument},
      {400, flat("", "3310"), kInvalidArgument},
      {400, flat("invalid_function_call", "3280"), kInvalidArgument},
      {400, flat("", "3280"), kInvalidArgument},
      {400, flat("invalid_request_error", ""), kInvalidArgument},
      {400, flat("invalid_request_prompt", "3051"), kInvalidArgument},
      {413, "", kInvalidArgument},
      {422, R"({"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"no"}]})",
       kInvalidArgument},
      {429, flat("rate_limited", "1300"), kRateLimited},
      {429, flat("", "1300"), kRateLimited},
      {429, flat("service_tier_capacity_exceeded", "3505"), kRateLimited},
      {429, flat("", "3505"), kRateLimited},
      {429, R"({"message":"Requests rate limit exceeded"})", kRateLimited},
      {500, flat("internal_server_error", "1000"), kUnavailable},
      {503, "<html>", kUnavailable},
  };
  for (const auto& [status, body, kind] : cases)
    EXPECT_EQ(to_string(error_of(status, body).kind), to_string(kind)) << status << " " << body;
}

TEST(MistralErrors, WordsOfEveryShape) {
  EXPECT_NE(error_of(422, R"({"detail":[{"type":"x","loc":["body","messages",0],"msg":"bad"}]})")
                .message.find(": bad"),
            std::string::npos);
  EXPECT_NE(
      error_of(
          422,
          R"({"object":"error","message":{"detail":[{"loc":["body"],"msg":"bad"}]},"type":"invalid_request_error","code":null})")
          .message.find(": bad"),
      std::string::npos);
  EXPECT_NE(error_of(422, R"({"detail":"Invalid file format.","errors":[{"loc":[3],"msg":"x"}]})")
                .message.find("Invalid file format."),
            std::string::npos);
  EXPECT_EQ(error_of(401, R"({"detail":"the key abc"})").message.find("abc"), std::string::npos);
}

TEST(MistralErrors, AKeyWithoutAnyAllowanceIsNotTriedAgain) {
  EXPECT_EQ(error_of(429, "{}", {{"x-ratelimit-limit-req-minute", "0"}}).kind,
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(error_of(429, "{}", {{"x-ratelimit-limit-req-minute", "60"}}).kind,
            ErrorKind::kRateLimited);
}

TEST(MistralErrors, NoRuleStandsTwice) {
  std::set<std::pair<int, std::string_view>> seen;
  for (const auto& rule : error_rules())
    EXPECT_TRUE(seen.emplace(rule.status, rule.code).second) << rule.status << " " << rule.code;
}

TEST(MistralProvider, RateLimitsByTheMinute) {
  const auto limits = adapter().rate_limits({{"x-ratelimit-limit-req-minute", "60"},
                                             {"x-ratelimit-remaining-req-minute", "59"},
                                             {"x-ratelimit-limit-tokens-minute", "50000"},
                                             {"x-ratelimit-remaining-tokens-minute", "47196"}},
                                            kNow);
  EXPECT_EQ(limits.requests, (provider::RateWindow{60, 59, kNow, kNow + minutes(1)}));
  EXPECT_EQ(limits.tokens, (provider::RateWindow{50000, 47196, kNow, kNow + minutes(1)}));
  EXPECT_EQ(adapter().rate_limits({}, kNow), provider::RateLimits{});
}

// --- Batches --------------------------------------------------------------------------------------------------------

class MistralBatch : public ::testing::Test {
 protected:
  provider::Step on(provider::BatchEvent event) {
    const provider::BatchContext context{.credentials = kCredentials,
                                         .limits = limits_,
                                         .id = {0, 1},
                                         .items = 3,
                                         .image_bytes = 612,
                                         .model = "mistral-small-2603",
                                         .now = now_};
    auto step = adapter().next(state_, event, context);
    EXPECT_TRUE(step) << step.error().text();
    state_ = step->state;
    return *std::move(step);
  }
  provider::Step answer(int status, std::string body) {
    return on({.kind = Kind::kAnswer,
               .response = {.status = status, .headers = {}, .body = std::move(body)}});
  }
  provider::Step to_create() {
    on({.kind = Kind::kStart});
    return answer(200, R"({"id":"8d0f3a10-0000-4000-8000-000000000001","object":"file"})");
  }
  provider::Step to_poll() {
    to_create();
    answer(200, job("QUEUED"));
    return on({.kind = Kind::kTimer});
  }
  static std::string job(std::string_view status, std::string_view more = "") {
    return R"({"id":"8d0f3a10-0000-4000-8000-0000000000aa","object":"batch","input_files":["8d0f3a10-0000-4000-8000-000000000001"],"metadata":{"weir_batch":"w0000000000000001"},"created_at":1795000010,"status":")" +
           std::string(status) + "\"" + std::string(more) + "}";
  }
  static const http::RequestPlan& plan(const provider::Step& step) {
    return std::get<provider::Send>(step.action).plan;
  }

  catalogue::BatchLimits limits_{.window = std::chrono::hours(24)};
  Time now_ = kNow;
  std::string state_;
};

TEST_F(MistralBatch, FromUploadToBothFiles) {
  const auto upload = on({.kind = Kind::kStart});
  EXPECT_EQ(plan(upload).target, "/v1/files");
  EXPECT_EQ(std::get<std::string>(plan(upload).body[0]).find("expires_after"), std::string::npos);
  const auto create =
      answer(200, R"({"id":"8d0f3a10-0000-4000-8000-000000000001","object":"file"})");
  EXPECT_EQ(plan(create).target, "/v1/batch/jobs");
  EXPECT_EQ(std::get<std::string>(plan(create).body[0]),
            R"({"input_files":["8d0f3a10-0000-4000-8000-000000000001"],"endpoint":)"
            R"("/v1/chat/completions","model":"mistral-small-2603","timeout_hours":24,)"
            R"("metadata":{"weir_batch":"w0000000000000001","weir_items":"3"}})");
  answer(200, job("QUEUED", R"(,"total_requests":0,"completed_requests":0)"));
  const auto poll = on({.kind = Kind::kTimer});
  EXPECT_EQ(plan(poll).target, "/v1/batch/jobs/8d0f3a10-0000-4000-8000-0000000000aa");
  const auto running = answer(200, job("RUNNING", R"(,"total_requests":3,"completed_requests":2)"));
  EXPECT_EQ(running.view.done, 2U);
  EXPECT_EQ(running.view.created_at, from_unix_seconds(1795000010));
  on({.kind = Kind::kTimer});
  const auto output = answer(
      200,
      job("SUCCESS",
          R"(,"total_requests":3,"completed_requests":3,"completed_at":1795000300,"output_file":"out-1","error_file":"err-1","errors":[{"message":"HTTP Error","count":1}])"));
  EXPECT_EQ(output.view.ended_at, from_unix_seconds(1795000300));
  EXPECT_EQ(std::get<provider::Collect>(output.action).plan.target, "/v1/files/out-1/content");
  const auto errors = on({.kind = Kind::kCollected});
  EXPECT_EQ(std::get<provider::Collect>(errors.action).artefact, "errors");
  EXPECT_EQ(plan(on({.kind = Kind::kCollected})).method, http::Method::kDelete);
}

TEST_F(MistralBatch, EveryEndIsAnEnd) {
  using Outcome = provider::Finished::Outcome;
  struct Case {
    std::string_view status;
    Outcome outcome;
  };
  for (const auto& [status, outcome] :
       {Case{"SUCCESS", Outcome::kEnded}, Case{"TIMEOUT_EXCEEDED", Outcome::kEnded},
        Case{"CANCELLED", Outcome::kEnded}, Case{"FAILED", Outcome::kRefused}}) {
    for (const bool rows : {false, true}) {
      state_.clear();
      to_poll();
      auto step = answer(200, job(status, rows ? R"(,"output_file":"out-1")" : ""));
      if (rows) {
        EXPECT_EQ(std::get<provider::Collect>(step.action).artefact, "output") << status;
        step = on({.kind = Kind::kCollected});
      }
      while (std::holds_alternative<provider::Send>(step.action)) step = answer(200, "{}");
      EXPECT_EQ(std::get<provider::Finished>(step.action).outcome, rows ? Outcome::kEnded : outcome)
          << status;
    }
  }
  state_.clear();
  to_poll();
  for (const auto* status : {"QUEUED", "RUNNING", "CANCELLATION_REQUESTED", "A_WORD_OF_2027"}) {
    EXPECT_TRUE(std::holds_alternative<provider::Wait>(answer(200, job(status)).action)) << status;
    on({.kind = Kind::kTimer});
  }
}

TEST_F(MistralBatch, AFailedJobSaysWhy) {
  to_poll();
  auto step = answer(200, job("FAILED", R"(,"errors":[{"message":"no capacity","count":3}])"));
  while (std::holds_alternative<provider::Send>(step.action)) step = answer(200, "{}");
  const auto& finished = std::get<provider::Finished>(step.action);
  EXPECT_EQ(finished.error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(finished.error.message.find("no capacity"), std::string::npos);
}

// A file that is refused whole names no line: the engine finds it in halves.
TEST_F(MistralBatch, ARefusedFileIsTheItemsFault) {
  on({.kind = Kind::kStart});
  auto step = answer(422, R"({"detail":"Invalid file format.","errors":[]})");
  const auto& finished = std::get<provider::Finished>(step.action);
  EXPECT_EQ(finished.outcome, provider::Finished::Outcome::kRefused);
  EXPECT_EQ(finished.error.kind, ErrorKind::kInvalidArgument);
}

TEST_F(MistralBatch, AnUnknownCreateIsLookedForPageByPage) {
  to_create();
  const auto list = on({.kind = Kind::kLost, .error = {.message = "cut"}});
  EXPECT_EQ(plan(list).target, "/v1/batch/jobs?page=0&page_size=100&order_by=-created");
  std::string others;
  for (int i = 0; i < 100; ++i)
    others += R"({"id":"o)" + std::to_string(i) +
              R"(","status":"RUNNING","created_at":1795000000,"metadata":null},)";
  others.pop_back();
  const auto second = answer(200, R"({"data":[)" + others + R"(],"object":"list","total":101})");
  EXPECT_EQ(plan(second).target, "/v1/batch/jobs?page=1&page_size=100&order_by=-created");
  const auto found =
      answer(200, R"({"data":[)" + job("RUNNING") + R"(],"object":"list","total":101})");
  EXPECT_EQ(plan(found).target, "/v1/batch/jobs/8d0f3a10-0000-4000-8000-0000000000aa");
  EXPECT_NE(found.reason.find("adopted"), std::string::npos);
}

TEST_F(MistralBatch, ACreateThatIsNotListedIsSentAgain) {
  to_create();
  on({.kind = Kind::kLost, .error = {.message = "cut"}});
  auto step = answer(200, R"({"data":[],"object":"list","total":0})");
  EXPECT_TRUE(std::holds_alternative<provider::Wait>(step.action));
  now_ += minutes(11);
  on({.kind = Kind::kTimer});
  step = answer(200, R"({"data":[],"object":"list","total":0})");
  EXPECT_EQ(std::get<provider::Send>(step.action).operation, "create");
}

TEST_F(MistralBatch, CancelIsAskedOnceAndAwaited) {
  to_poll();
  const auto cancel = on({.kind = Kind::kCancel});
  EXPECT_EQ(plan(cancel).target, "/v1/batch/jobs/8d0f3a10-0000-4000-8000-0000000000aa/cancel");
  EXPECT_TRUE(
      std::holds_alternative<provider::Wait>(answer(200, job("CANCELLATION_REQUESTED")).action));
  on({.kind = Kind::kTimer});
  // What it had done is read.
  EXPECT_TRUE(std::holds_alternative<provider::Collect>(
      answer(200, job("CANCELLED", R"(,"output_file":"out-1")")).action));
}

TEST_F(MistralBatch, ItemsHaveNoMethodAndNoUrl) {
  std::string line;
  ASSERT_TRUE(adapter().encode_item("w1-0", plain(), line));
  EXPECT_TRUE(line.starts_with(R"({"custom_id":"w1-0","body":{"model":"mistral-small-2603",)"))
      << line;
}

TEST_F(MistralBatch, RowsOfBothFiles) {
  const auto row = [](std::string_view line) { return adapter().decode_row("x", line, kNow); };
  const auto good = row(
      R"({"id":"batch-1","custom_id":"w1-0","response":{"status_code":200,"body":{"id":"c","choices":[{"index":0,"message":{"content":"devel"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}},"error":null})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->outcome, Row::Outcome::kSucceeded);
  EXPECT_EQ(good->response.text, "devel");
  // The body of a failed row is a string of JSON.
  const auto bad = row(
      R"({"id":"batch-2","custom_id":"w1-1","response":{"status_code":400,"body":"{\"object\":\"error\",\"message\":\"File could not be fetched\",\"type\":\"invalid_request_file\",\"param\":null,\"code\":\"3310\",\"raw_status_code\":400}"},"error":null})");
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->outcome, Row::Outcome::kErrored);
  EXPECT_EQ(bad->error.kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(bad->error.provider_code, "3310");
  EXPECT_NE(bad->error.message.find("File could not be fetched"), std::string::npos);
  const auto later =
      row(R"({"custom_id":"w1-2","response":{"status_code":500,"body":"not JSON"},"error":null})");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->error.kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(row(R"({"id":"batch-3","custom_id":null,"response":null,"error":null})"));
}

}  // namespace
}  // namespace weir::providers::mistral
