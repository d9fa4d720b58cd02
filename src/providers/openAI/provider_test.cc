// The adapter against testdata/: what it sends is compared byte for byte, what is in the answers is
// read.
#include <gtest/gtest.h>

#include <sstream>

#include "provider/adapter.h"
#include "provider/recordings_testing.h"

namespace weir::providers::openAI {
const provider::Adapter& adapter();

namespace {

using provider::BatchEvent;
using provider::Row;

const provider::Recordings kRecordings(WEIR_SOURCE_DIR "/src/providers/openAI");
http::Response response(const std::string& name) { return kRecordings.response(name); }
void expect_sends(const http::RequestPlan& plan, const std::string& name) {
  kRecordings.expect_sends(plan, name);
}

const provider::Credentials kCredentials{.base_path = "/v1", .key = "sk-test"};

llm::Request plain() {
  llm::Request request;
  request.model = "gpt-5-nano";
  request.system = {{"Name the section of the package."}};
  request.messages = {{llm::Role::kUser, {{"hello: a program that greets"}}}};
  request.output_max = Tokens{200};
  request.format = {"section", R"({"type":"object","properties":{"section":{"type":"string"}},)"
                               R"("required":["section"],"additionalProperties":false})"};
  request.cache_key = "job-7";
  return request;
}

TEST(OpenAIProvider, SyncPlain) {
  const auto plan = adapter().encode_sync(plain(), {kCredentials, "01ATTEMPT"});
  ASSERT_TRUE(plan);
  expect_sends(*plan, "sync.plain");
  const auto out = adapter().decode_sync(response("sync.plain"), Time{});
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->text, R"({"section":"devel"})");
  EXPECT_EQ(out->usage, (llm::Usage{.input = {210}, .cache_read = {1920}, .output = {74}}));
  EXPECT_EQ(out->created, from_unix_seconds(1786000000));
}

TEST(OpenAIProvider, SyncMarkedAndStreamed) {
  llm::Request request;
  request.model = "gpt-6.1-sol";
  request.system = {{"The sections are …", llm::CacheMark{}}};
  request.messages = {{llm::Role::kUser, {{"hello: a program that greets"}}}};
  request.cache = llm::CachePolicy::kMarked;
  request.stream = true;
  const auto plan = adapter().encode_sync(request, {kCredentials, "01ATTEMPT"});
  ASSERT_TRUE(plan);
  expect_sends(*plan, "sync.marked");
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(response("sync.marked").body, text));
  const auto out = decoder->finish();
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(text, "devel");
  EXPECT_EQ(out->usage, (llm::Usage{.input = {82}, .cache_write = {2048}, .output = {2}}));
}

TEST(OpenAIProvider, BelowTheSimulatorsBasePath) {
  const provider::Credentials credentials{.base_path = "/openAI/v1/", .key = "k"};
  EXPECT_EQ(adapter().encode_sync(plain(), {credentials, "a"})->target,
            "/openAI/v1/chat/completions");
  EXPECT_EQ(adapter().encode_probe(credentials, "m").target, "/openAI/v1/models/m");
}

TEST(OpenAIProvider, Errors) {
  const auto quota = adapter().decode_sync(response("sync.quota"), Time{});
  ASSERT_FALSE(quota);
  EXPECT_EQ(quota.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(quota.error().provider_code, "project_spend_limit_exceeded");
  EXPECT_EQ(quota.error().request_id, "req_redacted");
  const auto rate = adapter().decode_sync(response("sync.rate"), Time{});
  ASSERT_FALSE(rate);
  EXPECT_EQ(rate.error().kind, ErrorKind::kRateLimited);
  EXPECT_EQ(rate.error().retry_after, std::chrono::milliseconds(1500));
  const auto key = adapter().decode_sync(response("sync.key"), Time{});
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(key.error().text().find("sk-te"), std::string::npos);
}

TEST(OpenAIProvider, RawBodiesAreMarkedWhereTheirBlocksSay) {
  llm::Request request;
  request.model = "gpt-6";
  request.cache = llm::CachePolicy::kMarked;
  request.raw =
      llm::RawBody{llm::Dialect::kOpenAIChat,
                   "{\"model\":\"gpt-6\",\n\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}"};
  const auto listed = adapter().raw_blocks(*request.raw);
  ASSERT_TRUE(listed && listed->blocks.size() == 1);
  EXPECT_TRUE(listed->blocks[0].markable);
  request.raw->marks = {{.block = 0}};
  std::string out;
  ASSERT_TRUE(adapter().encode_item("w1-0", request, out));
  EXPECT_TRUE(out.contains(
      R"("body":{"model":"gpt-6", "messages":[{"role":"user","content":[{"type":"text","text":"a",)"
      R"("prompt_cache_breakpoint":{"mode":"explicit"}}]}],)"
      R"("prompt_cache_options":{"mode":"explicit","ttl":"30m"}})"))
      << out;
}

TEST(OpenAIProvider, RawBodyOfAnotherDialect) {
  llm::Request request;
  request.model = "m";
  request.raw = llm::RawBody{llm::Dialect::kAnthropicMessages, "{}"};
  const auto plan = adapter().encode_sync(request, {kCredentials, "a"});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(plan.error().hint.empty());
}

TEST(OpenAIProvider, RateLimitsOfItsHeaders) {
  http::Headers headers;
  headers.add("x-ratelimit-limit-requests", "60");
  headers.add("x-ratelimit-remaining-requests", "59");
  headers.add("x-ratelimit-reset-requests", "1s");
  headers.add("x-ratelimit-limit-tokens", "150000");
  headers.add("x-ratelimit-remaining-tokens", "149984");
  headers.add("x-ratelimit-reset-tokens", "6m0s");
  const Time now = from_unix_seconds(1'795'000'000);
  const auto limits = adapter().rate_limits(headers, now);
  EXPECT_EQ(limits.requests, (provider::RateWindow{60, 59, now, now + std::chrono::seconds(1)}));
  EXPECT_EQ(limits.tokens,
            (provider::RateWindow{150000, 149984, now, now + std::chrono::minutes(6)}));
  EXPECT_EQ(adapter().rate_limits({}, now), provider::RateLimits{});
}

TEST(OpenAIProvider, Probe) {
  expect_sends(adapter().encode_probe(kCredentials, "ft:gpt-4.1:org::x"), "probe.plain");
  EXPECT_EQ(adapter().name(), "openAI");
}

std::vector<Row> rows(const std::string& artefact) {
  std::vector<Row> out;
  std::istringstream lines(response(artefact + ".rows").body);
  for (std::string line; std::getline(lines, line);) {
    auto row = adapter().decode_row(artefact, line, Time{});
    EXPECT_TRUE(row) << line;
    if (row) out.push_back(*std::move(row));
  }
  return out;
}

TEST(OpenAIProvider, ABatchFromUploadToRows) {
  const catalogue::BatchLimits limits;
  provider::BatchContext context{.credentials = kCredentials,
                                 .limits = limits,
                                 .id = {0, 1},
                                 .items = 3,
                                 .image_bytes = 612,
                                 .model = "gpt-5-nano",
                                 .now = from_unix_seconds(1786000000)};
  std::string state;
  const auto on = [&](BatchEvent event) {
    const auto step = adapter().next(state, event, context);
    EXPECT_TRUE(step) << step.error().text();
    state = step->state;
    return *step;
  };
  const auto answer = [&](const std::string& name) {
    return on({.kind = BatchEvent::Kind::kAnswer, .response = response(name)});
  };
  on({.kind = BatchEvent::Kind::kStart});
  const auto create = answer("upload.plain");
  expect_sends(std::get<provider::Send>(create.action).plan, "create.plain");
  answer("create.plain");
  on({.kind = BatchEvent::Kind::kTimer});
  const auto completed = answer("poll.completed");
  EXPECT_EQ(std::get<provider::Collect>(completed.action).artefact, "output");
  EXPECT_EQ(completed.view.created_at, from_unix_seconds(1786000010));
  EXPECT_EQ(completed.view.ended_at, from_unix_seconds(1786003009));

  const auto output = rows("output"), errors = rows("errors");
  ASSERT_EQ(output.size(), 1U);
  EXPECT_EQ(output[0].outcome, Row::Outcome::kSucceeded);
  EXPECT_EQ(output[0].response.text, "devel");
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].error.provider_code, "context_length_exceeded");
  EXPECT_EQ(errors[0].error.kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(errors[1].outcome, Row::Outcome::kExpired);
}

TEST(OpenAIProvider, AFailedBatchNamesTheLine) {
  const catalogue::BatchLimits limits;
  const provider::BatchContext context{
      .credentials = kCredentials, .limits = limits, .id = {0, 1}, .model = "m"};
  const auto failed = adapter().next(
      R"({"v":1,"at":"poll","files":{"input":"file-redactedin"},"batch":"batch_redacted"})",
      {.kind = BatchEvent::Kind::kAnswer, .response = response("poll.failed")}, context);
  ASSERT_TRUE(failed);
  EXPECT_EQ(std::get<provider::Send>(failed->action).operation, "delete");
  const auto end = adapter().next(
      failed->state, {.kind = BatchEvent::Kind::kAnswer, .response = {.status = 200}}, context);
  ASSERT_TRUE(end);
  const auto& finished = std::get<provider::Finished>(end->action);
  EXPECT_EQ(finished.outcome, provider::Finished::Outcome::kRefused);
  EXPECT_EQ(finished.line, 2U);
  EXPECT_EQ(finished.error.hint, "a batch takes one model: split the requests by model");
}

}  // namespace
}  // namespace weir::providers::openAI
