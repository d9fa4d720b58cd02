// The adapter against testdata/: what it sends is compared byte for byte, what is in the answers is
// read.
#include <gtest/gtest.h>

#include "provider/adapter.h"
#include "provider/recordings_testing.h"
#include "providers/groq/errors.h"

namespace weir::providers::groq {
const provider::Adapter& adapter();

namespace {

using provider::BatchEvent;

const provider::Recordings kRecordings(WEIR_SOURCE_DIR "/src/providers/groq");
const provider::Credentials kCredentials{.base_path = "/openai/v1", .key = "gsk_test"};

llm::Request with_schema() {
  llm::Request request;
  request.model = "openai/gpt-oss-20b";
  request.system = {{"Name the section of the package."}};
  request.messages = {{llm::Role::kUser, {{"hello: a program that greets"}}}};
  request.output_max = Tokens{200};
  request.temperature = 0;
  request.top_p = 0.5;
  request.seed = 7;
  request.stop = {"END"};
  request.format = {"section", R"({"type":"object"})"};
  request.cache_key = "job-7";  // Groq has no such hint
  return request;
}

ErrorKind kind_of(const llm::Request& request) {
  const auto plan = adapter().encode_sync(request, {kCredentials, "a"});
  std::string out;
  EXPECT_EQ(plan.has_value(), adapter().encode_item("id", request, out).has_value());
  return plan ? ErrorKind::kInternal : plan.error().kind;
}

TEST(GroqProvider, SyncWithSchema) {
  const auto plan = adapter().encode_sync(with_schema(), {kCredentials, "01ATTEMPT"});
  ASSERT_TRUE(plan) << plan.error().text();
  kRecordings.expect_sends(*plan, "sync.schema");
  const auto out = adapter().decode_sync(kRecordings.response("sync.schema"), Time{});
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->text, R"({"section":"devel"})");
  EXPECT_EQ(out->usage, (llm::Usage{.input = {186}, .cache_read = {1024}, .output = {74}}));
  EXPECT_EQ(out->created, from_unix_seconds(1786000000));
}

TEST(GroqProvider, AStreamTellsItsUsageUnasked) {
  llm::Request request;
  request.model = "llama-3.1-8b-instant";
  request.messages = {{llm::Role::kUser, {{"hello"}}}};
  request.stream = true;
  const auto plan = adapter().encode_sync(request, {kCredentials, "01ATTEMPT"});
  ASSERT_TRUE(plan);
  kRecordings.expect_sends(*plan, "sync.stream");
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(kRecordings.response("sync.stream").body, text));
  const auto out = decoder->finish();
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(text, "devel");
  EXPECT_EQ(out->usage, (llm::Usage{.input = {36}, .output = {2}}));
}

TEST(GroqProvider, ASchemaIsPromisedOnlyWhereTheModelDoes) {
  auto request = with_schema();
  request.model = "openai/gpt-oss-safeguard-20b";
  std::string out;
  ASSERT_TRUE(adapter().encode_item("w1-0", request, out));
  EXPECT_TRUE(out.contains(R"("strict":false)")) << out;
  request.model = "llama-3.1-8b-instant";
  EXPECT_EQ(kind_of(request), ErrorKind::kUnsupported);
  request.format.reset();
  EXPECT_EQ(kind_of(request), ErrorKind::kInternal);
}

TEST(GroqProvider, WhatASchemaDoesNotGoWith) {
  auto request = with_schema();
  request.tools = {{.name = "f", .description = "", .parameters_json = "{}"}};
  EXPECT_EQ(kind_of(request), ErrorKind::kUnsupported);
  request = with_schema();
  request.stream = true;
  EXPECT_EQ(kind_of(request), ErrorKind::kUnsupported);
  request = with_schema();
  request.system[0].mark = llm::CacheMark{};
  request.cache = llm::CachePolicy::kMarked;
  EXPECT_EQ(kind_of(request), ErrorKind::kUnsupported);
}

TEST(GroqProvider, RateLimits) {
  http::Headers headers;
  headers.add("x-ratelimit-limit-requests", "14400");
  headers.add("x-ratelimit-remaining-requests", "14370");
  headers.add("x-ratelimit-reset-requests", "2m59.56s");
  headers.add("x-ratelimit-limit-tokens", "18000");
  headers.add("x-ratelimit-remaining-tokens", "17997");
  headers.add("x-ratelimit-reset-tokens", "7.66s");
  const Time now = from_unix_seconds(1'795'000'000);
  const auto limits = adapter().rate_limits(headers, now);
  EXPECT_EQ(limits.requests,
            (provider::RateWindow{14400, 14370, now, now + std::chrono::milliseconds(179'560)}));
  EXPECT_EQ(limits.tokens,
            (provider::RateWindow{18000, 17997, now, now + std::chrono::milliseconds(7'660)}));
}

TEST(GroqProvider, Probe) {
  EXPECT_EQ(adapter().encode_probe(kCredentials, "openai/gpt-oss-20b").target,
            "/openai/v1/models/openai%2Fgpt-oss-20b");
  EXPECT_EQ(adapter().name(), "groq");
}

class Batch : public ::testing::Test {
 protected:
  provider::Step on(BatchEvent event) {
    const provider::BatchContext context{.credentials = kCredentials,
                                         .limits = limits_,
                                         .id = {0, 1},
                                         .items = 2,
                                         .image_bytes = 612,
                                         .model = "openai/gpt-oss-20b",
                                         .now = now_};
    auto step = adapter().next(state_, event, context);
    EXPECT_TRUE(step) << step.error().text();
    state_ = step->state;
    return *std::move(step);
  }
  provider::Step answer(http::Response response) {
    return on({.kind = BatchEvent::Kind::kAnswer, .response = std::move(response)});
  }
  provider::Step created() {
    on({.kind = BatchEvent::Kind::kStart});
    return answer({.status = 200, .headers = {}, .body = R"({"id":"file_redactedin"})"});
  }

  catalogue::BatchLimits limits_;
  Time now_ = from_unix_seconds(1'786'000'010);
  std::string state_;
};

TEST_F(Batch, UploadsHaveNoExpiry) {
  const auto upload = on({.kind = BatchEvent::Kind::kStart});
  const auto& plan = std::get<provider::Send>(upload.action).plan;
  EXPECT_EQ(plan.target, "/openai/v1/files");
  EXPECT_FALSE(std::get<std::string>(plan.body[0]).contains("expires_after"));
}

// The batches of long ago come first, and the one that is looked for on the next page.
TEST_F(Batch, ALostCreateIsFoundByTheCursor) {
  kRecordings.expect_sends(std::get<provider::Send>(created().action).plan, "create.plain");
  const auto list = on({.kind = BatchEvent::Kind::kLost});
  EXPECT_EQ(std::get<provider::Send>(list.action).plan.target, "/openai/v1/batches");
  const auto next = answer(kRecordings.response("list.page"));
  kRecordings.expect_sends(std::get<provider::Send>(next.action).plan, "list.next");
  const auto adopted = answer(kRecordings.response("list.last"));
  EXPECT_EQ(std::get<provider::Send>(adopted.action).operation, "poll");
  EXPECT_EQ(adopted.view.provider_batch_id, "batch_redacted");
}

TEST_F(Batch, ErrorsAreABareArray) {
  created();
  answer(
      {.status = 200, .headers = {}, .body = R"({"id":"batch_redacted","status":"validating"})"});
  on({.kind = BatchEvent::Kind::kTimer});
  const auto removed = answer(kRecordings.response("poll.failed"));
  EXPECT_EQ(std::get<provider::Send>(removed.action).operation, "delete");
  const auto end = answer({.status = 200});
  const auto& finished = std::get<provider::Finished>(end.action);
  EXPECT_EQ(finished.outcome, provider::Finished::Outcome::kRefused);
  EXPECT_EQ(finished.line, 2U);
  EXPECT_EQ(finished.error.provider_code, "invalid_url");
}

TEST(GroqRows, ErroredAndExpired) {
  const auto row = [](std::string_view line) {
    return adapter().decode_row("errors", line, Time{});
  };
  const auto errored = row(
      R"({"id":"batch_req_1","custom_id":"w1-0","response":{"status_code":400,"request_id":"req_1",)"
      R"("body":{"error":{"message":"m","type":"invalid_request_error"}}},"error":null})");
  ASSERT_TRUE(errored);
  EXPECT_EQ(errored->outcome, provider::Row::Outcome::kErrored);
  EXPECT_EQ(errored->error.kind, ErrorKind::kInvalidArgument);
  const auto expired = row(
      R"({"id":"batch_req_2","custom_id":"w1-1","response":null,"error":{"code":"batch_expired","message":"m"}})");
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->outcome, provider::Row::Outcome::kExpired);
}

struct ErrorCase {
  int status;
  const char* type;
  const char* code;
  ErrorKind kind;
};

TEST(GroqErrors, EachRow) {
  const ErrorCase cases[] = {
      {429, "tokens", "rate_limit_exceeded", ErrorKind::kRateLimited},
      {498, "flex", "capacity_exceeded", ErrorKind::kRateLimited},
      {498, "", "", ErrorKind::kRateLimited},
      {400, "", "token_limit_exceeded", ErrorKind::kRateLimited},
      {503, "service_unavailable", "", ErrorKind::kUnavailable},
      {500, "internal_server_error", "", ErrorKind::kUnavailable},
      {0, "server_error", "", ErrorKind::kUnavailable},
      {403, "permissions_error", "not_available_for_plan", ErrorKind::kInvalidArgument},
      {429, "", "spend_limit_reached", ErrorKind::kInvalidArgument},
      {400, "", "blocked_api_access", ErrorKind::kInvalidArgument},
      {401, "invalid_request_error", "invalid_api_key", ErrorKind::kUnauthenticated},
      {0, "", "invalid_api_key", ErrorKind::kUnauthenticated},
      {403, "permissions_error", "", ErrorKind::kUnauthenticated},
      {404, "invalid_request_error", "model_not_found", ErrorKind::kNotFound},
      {400, "invalid_request_error", "model_decommissioned", ErrorKind::kNotFound},
      {400, "invalid_request_error", "context_length_exceeded", ErrorKind::kInvalidArgument},
      {400, "invalid_request_error", "json_validate_failed", ErrorKind::kUnavailable},
      {400, "invalid_request_error", "tool_use_failed", ErrorKind::kUnavailable},
      {413, "invalid_request_error", "", ErrorKind::kInvalidArgument},
      {0, "", "streaming_unsupported", ErrorKind::kInvalidArgument},
      {0, "", "too_many_tasks", ErrorKind::kInvalidArgument},
      {0, "", "invalid_json_line", ErrorKind::kInvalidArgument},
      {0, "", "duplicate_custom_id", ErrorKind::kInvalidArgument},
      {0, "", "invalid_url", ErrorKind::kInvalidArgument},
      {0, "", "url_mismatch", ErrorKind::kInvalidArgument},
      {0, "", "empty_file", ErrorKind::kInvalidArgument},
      // By the status alone.
      {502, "", "", ErrorKind::kUnavailable},
      {422, "", "novel", ErrorKind::kInvalidArgument},
  };
  const provider::openai_chat::Options options{.provider = "groq", .errors = error_rules()};
  for (const auto& row : cases) {
    const std::string body =
        R"({"message":"m","type":")" + std::string(row.type) + R"(","code":")" + row.code + "\"}";
    json::Parser parser;
    const auto error = decode_error_object(options, row.status, *parser.parse(body));
    EXPECT_EQ(error.kind, row.kind) << row.status << row.type << row.code;
  }
  const auto rate = adapter().decode_sync(kRecordings.response("sync.rate"), Time{});
  ASSERT_FALSE(rate);
  EXPECT_EQ(rate.error().retry_after, std::chrono::seconds(2));
  EXPECT_EQ(rate.error().request_id, "req_redacted");
}

}  // namespace
}  // namespace weir::providers::groq
