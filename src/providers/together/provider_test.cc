// The adapter against testdata/: what it sends is compared byte for byte, what is in the answers is
// read.
#include <gtest/gtest.h>

#include <sstream>

#include "provider/adapter.h"
#include "provider/recordings_testing.h"
#include "providers/together/errors.h"

namespace weir::providers::together {
const provider::Adapter& adapter();

namespace {

using provider::BatchEvent;
using provider::Row;
using Kind = BatchEvent::Kind;

const provider::Recordings kRecordings(WEIR_SOURCE_DIR "/src/providers/together");
const provider::Credentials kCredentials{.base_path = "/v1", .key = "tgp_test"};

llm::Request with_schema() {
  llm::Request request;
  request.model = "openai/gpt-oss-20b";
  request.system = {{"Name the section of the package."}};
  request.messages = {{llm::Role::kUser, {{"hello: a program that greets"}}}};
  request.output_max = Tokens{200};
  request.seed = 7;
  request.stop = {"END"};
  request.format = {"section", R"({"type":"object"})"};
  return request;
}

TEST(TogetherProvider, AStreamTellsItsUsageUnasked) {
  auto request = with_schema();
  request.stream = true;
  const auto plan = adapter().encode_sync(request, {kCredentials, "01ATTEMPT"});
  ASSERT_TRUE(plan) << plan.error().text();
  kRecordings.expect_sends(*plan, "sync.schema");
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(kRecordings.response("sync.schema").body, text));
  const auto out = decoder->finish();
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(text, R"({"section":"devel"})");
  // cached_tokens stands beside the totals.
  EXPECT_EQ(out->usage, (llm::Usage{.input = {186}, .cache_read = {1024}, .output = {42}}));
}

TEST(TogetherProvider, LinesHaveNoUrl) {
  std::string out;
  ASSERT_TRUE(adapter().encode_item("w1-0", with_schema(), out));
  EXPECT_TRUE(out.starts_with(R"({"custom_id":"w1-0","body":{"model":"openai/gpt-oss-20b",)"))
      << out;
}

TEST(TogetherProvider, MarksCannotBeSaid) {
  auto request = with_schema();
  request.system[0].mark = llm::CacheMark{};
  request.cache = llm::CachePolicy::kMarked;
  const auto plan = adapter().encode_sync(request, {kCredentials, "a"});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kUnsupported);
}

TEST(TogetherProvider, RateLimitsAndProbe) {
  http::Headers headers;
  headers.add("x-ratelimit-limit", "10");
  headers.add("x-ratelimit-remaining", "9");
  headers.add("x-ratelimit-reset", "1");
  const Time now = from_unix_seconds(1'795'000'000);
  EXPECT_EQ(adapter().rate_limits(headers, now).requests,
            (provider::RateWindow{10, 9, now, now + std::chrono::seconds(1)}));
  EXPECT_EQ(adapter().rate_limits(headers, now).tokens, std::nullopt);
  EXPECT_EQ(adapter().encode_probe(kCredentials, "a/b").target, "/v1/models");
  EXPECT_EQ(adapter().name(), "together");
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
    return on({.kind = Kind::kAnswer, .response = std::move(response)});
  }
  provider::Step answer(const std::string& name) { return answer(kRecordings.response(name)); }
  provider::Step uploaded() {
    on({.kind = Kind::kStart});
    return answer({.status = 200, .headers = {}, .body = R"({"id":"file-redactedin"})"});
  }
  static std::string sent(const provider::Step& step) {
    const auto* send = std::get_if<provider::Send>(&step.action);
    return send == nullptr ? "" : send->operation + " " + send->plan.target;
  }

  catalogue::BatchLimits limits_;
  Time now_ = from_unix_seconds(1'788'370'740);
  std::string state_;
};

TEST_F(Batch, FromUploadToRows) {
  const auto upload = on({.kind = Kind::kStart});
  const auto& plan = std::get<provider::Send>(upload.action).plan;
  EXPECT_EQ(plan.target, "/v1/files/upload");
  const auto& form = std::get<std::string>(plan.body[0]);
  EXPECT_TRUE(form.contains("name=\"purpose\"\r\n\r\nbatch-api\r\n")) << form;
  EXPECT_TRUE(form.contains("name=\"file_name\"\r\n\r\nw0000000000000001.jsonl\r\n")) << form;
  const auto create = answer({.status = 200, .headers = {}, .body = R"({"id":"file-redactedin"})"});
  kRecordings.expect_sends(std::get<provider::Send>(create.action).plan, "create.plain");
  const auto wait = answer("create.plain");
  EXPECT_TRUE(std::holds_alternative<provider::Wait>(wait.action));
  EXPECT_EQ(wait.view.status, "VALIDATING");
  on({.kind = Kind::kTimer});
  const auto collect = answer("poll.completed");
  EXPECT_EQ(std::get<provider::Collect>(collect.action).artefact, "output");
  EXPECT_EQ(collect.view.created_at, parse_rfc3339("2026-09-02T17:39:00.5Z"));
  EXPECT_EQ(collect.view.ended_at, parse_rfc3339("2026-09-02T17:45:00Z"));
  const auto errors = on({.kind = Kind::kCollected});
  EXPECT_EQ(std::get<provider::Collect>(errors.action).artefact, "errors");
  EXPECT_EQ(sent(on({.kind = Kind::kCollected})), "delete /v1/files/file-redactedin");
}

TEST_F(Batch, ALostCreateIsKnownByItsInput) {
  uploaded();
  EXPECT_EQ(sent(on({.kind = Kind::kLost})), "list /v1/batches");
  const auto adopted = answer("list.plain");
  EXPECT_EQ(sent(adopted), "poll /v1/batches/01234567-8901-2345-6789-012345678901");
}

TEST_F(Batch, AnEmptyListIsWaitedForAndThenTheCreateIsSentAgain) {
  limits_.create_visibility_max = std::chrono::minutes(10);
  uploaded();
  on({.kind = Kind::kLost});
  const http::Response none{.status = 200, .headers = {}, .body = "[]"};
  EXPECT_TRUE(std::holds_alternative<provider::Wait>(answer(none).action));
  now_ += std::chrono::minutes(11);
  EXPECT_EQ(sent(on({.kind = Kind::kTimer})), "list /v1/batches");
  const auto again = answer(none);
  EXPECT_EQ(sent(again), "create /v1/batches");
  kRecordings.expect_sends(std::get<provider::Send>(again.action).plan, "create.plain");
}

TEST_F(Batch, AFailedJobSaysWhyInOneText) {
  uploaded();
  answer("create.plain");
  on({.kind = Kind::kTimer});
  EXPECT_EQ(sent(answer("poll.failed")), "delete /v1/files/file-redactedin");
  const auto end = answer({.status = 200});
  const auto& finished = std::get<provider::Finished>(end.action);
  EXPECT_EQ(finished.outcome, provider::Finished::Outcome::kRefused);
  EXPECT_EQ(finished.error.kind, ErrorKind::kInvalidArgument);
  EXPECT_TRUE(finished.error.message.contains("the batch failed: Failed to calculate tokens"))
      << finished.error.message;
}

TEST_F(Batch, Cancelling) {
  uploaded();
  answer("create.plain");
  EXPECT_EQ(sent(on({.kind = Kind::kCancel})),
            "cancel /v1/batches/01234567-8901-2345-6789-012345678901/cancel");
  EXPECT_TRUE(std::holds_alternative<provider::Wait>(answer("cancel.plain").action));
  // CANCELING is under way: it is not asked for twice.
  on({.kind = Kind::kTimer});
  EXPECT_TRUE(std::holds_alternative<provider::Wait>(answer("cancel.plain").action));
}

TEST_F(Batch, CancelledTooLate) {
  uploaded();
  answer("create.plain");
  on({.kind = Kind::kCancel});
  EXPECT_TRUE(std::holds_alternative<provider::Wait>(answer("cancel.late").action));
  on({.kind = Kind::kTimer});
  EXPECT_TRUE(std::holds_alternative<provider::Collect>(answer("poll.completed").action));
}

TEST_F(Batch, AJobThatIsNotKnownIsHeld) {
  uploaded();
  answer("create.plain");
  on({.kind = Kind::kTimer});
  const auto held = answer("poll.unknown");
  EXPECT_EQ(std::get<provider::Finished>(held.action).outcome, provider::Finished::Outcome::kHeld);
}

TEST(TogetherRows, OutputAndErrors) {
  const auto row = [](const std::string& artefact) {
    std::istringstream lines(kRecordings.response(artefact + ".rows").body);
    std::string line;
    std::getline(lines, line);
    return adapter().decode_row(artefact, line, Time{});
  };
  const auto good = row("output");
  ASSERT_TRUE(good) << good.error().text();
  EXPECT_EQ(good->outcome, Row::Outcome::kSucceeded);
  EXPECT_EQ(good->response.text, "devel");
  EXPECT_EQ(good->response.tool_calls_json, "");
  EXPECT_EQ(good->response.usage, (llm::Usage{.input = {73}, .output = {42}}));
  const auto bad = row("errors");
  ASSERT_TRUE(bad) << bad.error().text();
  EXPECT_EQ(bad->outcome, Row::Outcome::kErrored);
  EXPECT_EQ(bad->error.kind, ErrorKind::kInvalidArgument);
  EXPECT_TRUE(bad->error.message.contains("Unable to access model")) << bad->error.message;
}

struct ErrorCase {
  int status;
  const char* type;
  const char* code;
  ErrorKind kind;
};

TEST(TogetherErrors, EachRow) {
  const ErrorCase cases[] = {
      {429, "", "", ErrorKind::kRateLimited},
      {0, "", "rate_limit_exceeded", ErrorKind::kRateLimited},
      {0, "rate_limit", "", ErrorKind::kRateLimited},
      {503, "service_unavailable", "", ErrorKind::kUnavailable},
      {0, "service_unavailable", "", ErrorKind::kUnavailable},
      {0, "server_error", "", ErrorKind::kUnavailable},
      {402, "", "", ErrorKind::kInvalidArgument},
      {0, "payment_required", "", ErrorKind::kInvalidArgument},
      {401, "invalid_request_error", "invalid_api_key", ErrorKind::kUnauthenticated},
      {0, "", "invalid_api_key", ErrorKind::kUnauthenticated},
      {403, "", "", ErrorKind::kInvalidArgument},
      {404, "invalid_request_error", "model_not_found", ErrorKind::kNotFound},
      {400, "invalid_request_error", "model_not_available", ErrorKind::kNotFound},
      {413, "", "", ErrorKind::kInvalidArgument},
      {0, "", "batch_client_error", ErrorKind::kInvalidArgument},
      // By the status alone, Cloudflare's own among them.
      {524, "", "", ErrorKind::kUnavailable},
      {529, "", "", ErrorKind::kUnavailable},
      {0, "", "batch_server_error", ErrorKind::kUnavailable},
  };
  const provider::openai_chat::Options options{.provider = "together", .errors = error_rules()};
  for (const auto& row : cases) {
    const std::string body =
        R"({"message":"m","type":")" + std::string(row.type) + R"(","code":")" + row.code + "\"}";
    json::Parser parser;
    const auto error = decode_error_object(options, row.status, *parser.parse(body));
    EXPECT_EQ(error.kind, row.kind) << row.status << row.type << row.code;
  }
}

TEST(TogetherErrors, AnErrorMayBeOneText) {
  const auto out = adapter().decode_sync(kRecordings.response("poll.unknown"), Time{});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(out.error().request_id, "redacted");
  EXPECT_TRUE(out.error().message.contains("Job not found"));
}

}  // namespace
}  // namespace weir::providers::together
