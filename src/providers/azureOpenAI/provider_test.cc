// The adapter against testdata/: what it sends is compared byte for byte, what is in the answers is
// read.
#include <gtest/gtest.h>

#include "provider/adapter.h"
#include "provider/recordings_testing.h"
#include "providers/azureOpenAI/errors.h"

namespace weir::providers::azureOpenAI {
const provider::Adapter& adapter();

namespace {

using provider::BatchEvent;
using Kind = BatchEvent::Kind;

const provider::Recordings kRecordings(WEIR_SOURCE_DIR "/src/providers/azureOpenAI");
const provider::Credentials kCredentials{.base_path = "/openai/v1", .key = "0123abcd"};
const provider::Credentials kOlder{.base_path = "/openai", .key = "0123abcd"};
constexpr std::string_view kVersion = "api-version=2024-10-21";

llm::Request marked() {
  llm::Request request;
  request.model = "gpt-5.6-luna";
  request.system = {{"The sections are …", llm::CacheMark{}}};
  request.messages = {{llm::Role::kUser, {{"hello: a program that greets"}}}};
  request.cache = llm::CachePolicy::kMarked;
  request.cache_key = "job-7";
  request.stream = true;
  return request;
}

std::string target_of(const provider::Credentials& credentials) {
  return adapter().encode_sync(marked(), {credentials, "a"})->target;
}

TEST(AzureProvider, SyncMarkedAndStreamed) {
  const auto plan = adapter().encode_sync(marked(), {kCredentials, "01ATTEMPT"});
  ASSERT_TRUE(plan) << plan.error().text();
  kRecordings.expect_sends(*plan, "sync.marked");
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(kRecordings.response("sync.marked").body, text));
  const auto out = decoder->finish();
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(text, "devel");
  EXPECT_EQ(out->id, "chatcmpl-redacted");
  EXPECT_EQ(out->model, "gpt-5.6-luna-2026-07-09");
  EXPECT_EQ(out->created, from_unix_seconds(1786000000));
  EXPECT_EQ(out->usage, (llm::Usage{.input = {82}, .cache_write = {2048}, .output = {2}}));
}

TEST(AzureProvider, AnEntraTokenIsABearer) {
  const provider::Credentials token{.base_path = "/openai/v1", .key = "eyJ0eXAi.eyJhdWQi.c2ln"};
  const auto plan = adapter().encode_sync(marked(), {token, "a"});
  EXPECT_EQ(plan->headers.find("authorization"), "Bearer eyJ0eXAi.eyJhdWQi.c2ln");
  EXPECT_EQ(plan->headers.find("api-key"), std::nullopt);
  for (const auto* key : {"eyJ0eXAi", "a.b.c", "eyJ.a.b.c"}) {
    const provider::Credentials other{.base_path = "/openai/v1", .key = key};
    EXPECT_EQ(adapter().encode_probe(other, "m").headers.find("api-key"), key);
  }
}

TEST(AzureProvider, Surfaces) {
  for (const auto* base : {"", "/", "/openai/v1", "/openai/v1/"}) {
    const provider::Credentials at{.base_path = base, .key = "k"};
    EXPECT_EQ(target_of(at), "/openai/v1/chat/completions") << base;
    EXPECT_EQ(adapter().encode_probe(at, "m").target, "/openai/v1/models") << base;
  }
  EXPECT_EQ(target_of({.base_path = "/azureOpenAI/openai/v1", .key = "k"}),
            "/azureOpenAI/openai/v1/chat/completions");
  EXPECT_EQ(target_of(kOlder),
            "/openai/deployments/gpt-5.6-luna/chat/completions?api-version=2024-10-21");
  EXPECT_EQ(target_of({.base_path = "/openai/", .key = "k"}), target_of(kOlder));
  EXPECT_EQ(adapter().encode_probe(kOlder, "m").target, "/openai/models?api-version=2024-10-21");
}

class Batch : public ::testing::TestWithParam<const provider::Credentials*> {
 protected:
  provider::Step on(BatchEvent event) {
    const provider::BatchContext context{.credentials = *GetParam(),
                                         .limits = limits_,
                                         .id = {0, 1},
                                         .items = 2,
                                         .image_bytes = 612,
                                         .model = "gpt-4.1",
                                         .now = from_unix_seconds(1'785'997'210)};
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
  void created() {
    uploaded();
    answer(
        {.status = 201, .headers = {}, .body = R"({"id":"batch_redacted","status":"validating"})"});
    on({.kind = Kind::kTimer});
  }
  static std::string sent(const provider::Step& step) {
    const auto* send = std::get_if<provider::Send>(&step.action);
    return send == nullptr ? "" : send->plan.target;
  }
  // The path below the surface, with what the surface wants behind it.
  static std::string at(std::string_view path) {
    if (GetParam() == &kCredentials) return "/openai/v1" + std::string(path);
    return "/openai" + std::string(path) + (path.contains('?') ? "&" : "?") + std::string(kVersion);
  }

  catalogue::BatchLimits limits_;
  std::string state_;
};
INSTANTIATE_TEST_SUITE_P(Surfaces, Batch, ::testing::Values(&kCredentials, &kOlder));

TEST_P(Batch, UploadsExpireWhereTheSurfaceKnowsThat) {
  const auto upload = on({.kind = Kind::kStart});
  EXPECT_EQ(sent(upload), at("/files"));
  const auto& form = std::get<std::string>(std::get<provider::Send>(upload.action).plan.body[0]);
  EXPECT_EQ(form.contains("name=\"expires_after.seconds\"\r\n\r\n2592000\r\n"),
            GetParam() == &kCredentials);
  EXPECT_FALSE(form.contains("expires_after["));
}

TEST_P(Batch, CreatePollAndCancel) {
  const auto create = uploaded();
  EXPECT_EQ(sent(create), at("/batches"));
  if (GetParam() == &kCredentials)
    kRecordings.expect_sends(std::get<provider::Send>(create.action).plan, "create.plain");
  answer(
      {.status = 201, .headers = {}, .body = R"({"id":"batch_redacted","status":"Validating"})"});
  EXPECT_EQ(sent(on({.kind = Kind::kTimer})), at("/batches/batch_redacted"));
  EXPECT_EQ(sent(on({.kind = Kind::kCancel})), at("/batches/batch_redacted/cancel"));
}

TEST_P(Batch, WordsInCapitalsTimesAsTextCountsOfNull) {
  created();
  const auto collect = answer("poll.older");
  EXPECT_EQ(std::get<provider::Collect>(collect.action).artefact, "output");
  EXPECT_EQ(std::get<provider::Collect>(collect.action).plan.target,
            at("/files/file-redactedout/content"));
  EXPECT_EQ(collect.view.status, "Completed");
  EXPECT_EQ(collect.view.created_at, parse_rfc3339("2026-08-06T06:20:10Z"));
  EXPECT_EQ(collect.view.ended_at, parse_rfc3339("2026-08-06T07:06:49Z"));
  EXPECT_EQ(collect.view.done, std::nullopt);
  // A file of errors may be there and empty: it is read, too.
  EXPECT_EQ(std::get<provider::Collect>(on({.kind = Kind::kCollected}).action).artefact, "errors");
}

TEST_P(Batch, ALostCreateIsFoundInAListOfValues) {
  uploaded();
  EXPECT_EQ(sent(on({.kind = Kind::kLost})), at("/batches?limit=100"));
  EXPECT_EQ(sent(answer("list.older")), at("/batches/batch_redacted"));
}

TEST_P(Batch, AFullQueueMeansLater) {
  created();
  EXPECT_EQ(sent(answer("poll.failed")), at("/files/file-redactedin"));
  const auto end = answer({.status = 200});
  const auto& finished = std::get<provider::Finished>(end.action);
  EXPECT_EQ(finished.outcome, provider::Finished::Outcome::kRefused);
  EXPECT_EQ(finished.error.kind, ErrorKind::kRateLimited);
}

struct ErrorCase {
  int status;
  const char* code;
  ErrorKind kind;
};

TEST(AzureErrors, EachRow) {
  const ErrorCase cases[] = {
      {429, "insufficient_quota", ErrorKind::kInvalidArgument},
      {429, "", ErrorKind::kRateLimited},
      {0, "429", ErrorKind::kRateLimited},
      {0, "RateLimitReached", ErrorKind::kRateLimited},
      {0, "rate_limit_exceeded", ErrorKind::kRateLimited},
      {400, "token_limit_exceeded", ErrorKind::kRateLimited},
      {0, "server_error", ErrorKind::kUnavailable},
      {0, "InternalServerError", ErrorKind::kUnavailable},
      {503, "ServiceUnavailable", ErrorKind::kUnavailable},
      {401, "401", ErrorKind::kUnauthenticated},
      {403, "PermissionDenied", ErrorKind::kUnauthenticated},
      {404, "DeploymentNotFound", ErrorKind::kNotFound},
      {0, "model_not_found", ErrorKind::kNotFound},
      {404, "404", ErrorKind::kNotFound},
      {400, "OperationNotSupported", ErrorKind::kInvalidArgument},
      {400, "content_filter", ErrorKind::kInvalidArgument},
      {0, "ResponsibleAIPolicyViolation", ErrorKind::kInvalidArgument},
      {0, "context_length_exceeded", ErrorKind::kInvalidArgument},
      {0, "string_above_max_length", ErrorKind::kInvalidArgument},
      {0, "unsupported_parameter", ErrorKind::kInvalidArgument},
      {0, "unsupported_value", ErrorKind::kInvalidArgument},
      {0, "invalid_json_schema", ErrorKind::kInvalidArgument},
      {413, "", ErrorKind::kInvalidArgument},
      {0, "model_mismatch", ErrorKind::kInvalidArgument},
      {0, "too_many_tasks", ErrorKind::kInvalidArgument},
      {0, "invalid_json_line", ErrorKind::kInvalidArgument},
      {0, "duplicate_custom_id", ErrorKind::kInvalidArgument},
      {0, "url_mismatch", ErrorKind::kInvalidArgument},
      {0, "empty_file", ErrorKind::kInvalidArgument},
      {0, "empty_batch", ErrorKind::kInvalidArgument},
      {0, "input_modified", ErrorKind::kInvalidArgument},
      {0, "input_no_permissions", ErrorKind::kInvalidArgument},
      {500, "", ErrorKind::kUnavailable},
  };
  const provider::openai_chat::Options options{.provider = "azureOpenAI", .errors = error_rules()};
  for (const auto& row : cases) {
    const std::string body =
        R"({"message":"m","type":null,"code":")" + std::string(row.code) + "\"}";
    json::Parser parser;
    const auto error = decode_error_object(options, row.status, *parser.parse(body));
    EXPECT_EQ(error.kind, row.kind) << row.status << row.code;
  }
}

TEST(AzureProvider, ResponsesAreOnTheV1Surface) {
  provider::Settings settings;
  settings.set("api", "responses");
  const auto& responses = adapter().chosen_by(settings);
  const auto plan = responses.encode_sync(marked(), {kCredentials, "a"});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->target, "/openai/v1/responses");
  EXPECT_EQ(responses.encode_sync(marked(), {kOlder, "a"}).error().kind, ErrorKind::kUnsupported);
}

TEST(AzureErrors, Recorded) {
  const auto filtered = adapter().decode_sync(kRecordings.response("sync.filtered"), Time{});
  ASSERT_FALSE(filtered);
  EXPECT_EQ(filtered.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(filtered.error().provider_code, "content_filter");
  EXPECT_EQ(filtered.error().request_id, "redacted");
  const auto rate = adapter().decode_sync(kRecordings.response("sync.rate"), Time{});
  ASSERT_FALSE(rate);
  EXPECT_EQ(rate.error().kind, ErrorKind::kRateLimited);
  EXPECT_EQ(rate.error().retry_after, std::chrono::milliseconds(1500));
  const auto none = adapter().decode_sync(kRecordings.response("sync.deployment"), Time{});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace weir::providers::azureOpenAI
