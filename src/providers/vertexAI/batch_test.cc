// The batch machine as scripts of events. Steps are compared as short texts.
#include "providers/vertexAI/batch.h"

#include <gmock/gmock.h>

#include "json/value.h"
#include "providers/vertexAI/batch_script.h"

namespace weir::providers::vertexAI {
namespace {

using testing::HasSubstr;

std::string text_of(const http::RequestPlan& plan) {
  return plan.body.empty() ? "" : std::get<std::string>(plan.body.front());
}
constexpr std::string_view kJobs =
    "/vertexAI/v1/projects/shop/locations/us-central1/batchPredictionJobs";
std::string jobs(std::string_view rest) { return std::string(kJobs) + std::string(rest); }
std::string object(std::string_view name, std::string_view query = "") {
  return fmt::format("/vertexAI/storage/v1/b/pail/o/{}{}", http::percent_encode(name), query);
}

TEST(VertexBatch, TheStraightWay) {
  Script s;
  EXPECT_EQ(s.start(), "upload");
  EXPECT_EQ(s.plan().target, "/vertexAI/upload/storage/v1/b/pail/o?uploadType=media&name=weir%2F" +
                                 tag() + "%2Finput.jsonl");
  EXPECT_EQ(s.header("authorization"), "Bearer ya29.secret");
  EXPECT_EQ(s.header("content-type"), "application/jsonl");
  EXPECT_EQ(std::get<http::ImageSlice>(s.plan().body.front()), (http::ImageSlice{0, 777}));

  EXPECT_EQ(s.answer(200, "{}"), "create");
  EXPECT_EQ(s.plan().target, jobs(""));
  EXPECT_EQ(
      text_of(s.plan()),
      fmt::format(
          R"({{"displayName":"{0}","model":"publishers/google/models/gemini-2.5-flash",)"
          R"("inputConfig":{{"instancesFormat":"jsonl","gcsSource":{{"uris":["gs://pail/weir/{0}/input.jsonl"]}}}},)"
          R"("outputConfig":{{"predictionsFormat":"jsonl","gcsDestination":{{"outputUriPrefix":"gs://pail/weir/{0}/output"}}}},)"
          R"("labels":{{"weir_batch":"{0}"}}}})",
          tag()));

  EXPECT_EQ(s.answer(200, job("QUEUED")), "wait 10s");
  EXPECT_EQ(s.step.view.provider_batch_id, "4561");
  EXPECT_EQ(s.step.view.created_at, parse_rfc3339("2026-11-23T12:00:05.123456Z"));
  EXPECT_EQ(s.timer(), "poll");
  EXPECT_EQ(s.plan().target, jobs("/4561"));
  EXPECT_EQ(s.answer(200, job("RUNNING",
                              R"(,"completionStats":{"successfulCount":"1","failedCount":"-1"})")),
            "wait 15s");
  EXPECT_EQ(s.step.view.done, 1U);
  EXPECT_EQ(s.step.view.status, "JOB_STATE_RUNNING");
  s.timer();
  EXPECT_EQ(s.answer(200, succeeded()), "files");
  EXPECT_EQ(s.plan().target, "/vertexAI/storage/v1/b/pail/o?prefix=" +
                                 http::percent_encode(output()) + "&maxResults=100");
  EXPECT_EQ(s.step.view.ended_at, parse_rfc3339("2026-11-23T13:00:00Z"));
  EXPECT_EQ(s.step.view.done, 3U);
  EXPECT_EQ(s.answer(200, objects({output() + "predictions.jsonl"})), "collect predictions.jsonl");
  EXPECT_EQ(s.plan().target, object(output() + "predictions.jsonl", "?alt=media"));
  EXPECT_EQ(s.collected(), "files");
  EXPECT_EQ(s.answer(200, objects({output() + "predictions.jsonl"})), "sweep");
  EXPECT_EQ(s.plan().target, "/vertexAI/storage/v1/b/pail/o?prefix=" +
                                 http::percent_encode(folder()) + "&maxResults=100");
  EXPECT_EQ(s.answer(200, objects({folder() + "input.jsonl", output() + "predictions.jsonl"})),
            "remove");
  EXPECT_EQ(s.plan().method, http::Method::kDelete);
  EXPECT_EQ(s.plan().target, object(folder() + "input.jsonl"));
  EXPECT_EQ(s.answer(204), "sweep");
  EXPECT_EQ(s.answer(200, objects({output() + "predictions.jsonl"})), "remove");
  EXPECT_EQ(s.answer(404), "sweep");  // somebody else was there: gone is gone
  EXPECT_EQ(s.answer(200, kNothing), "ended");
  EXPECT_EQ(s.restarted(), "ended");
}

TEST(VertexBatch, AtGooglesOwnTheStorageHasItsOwnHost) {
  Script s;
  s.credentials.base_path = "/";
  s.credentials.origin = {.tls = true, .host = "us-central1-aiplatform.googleapis.com"};
  s.start();
  ASSERT_TRUE(s.plan().origin);
  EXPECT_EQ(s.plan().origin->text(), "https://storage.googleapis.com");
  EXPECT_TRUE(s.plan().origin_is_known);
  EXPECT_THAT(s.plan().target, testing::StartsWith("/upload/storage/v1/b/pail/o?"));
  s.answer(200, "{}");
  EXPECT_FALSE(s.plan().origin);
  EXPECT_THAT(s.plan().target, testing::StartsWith("/v1/projects/shop/"));
  // A service account's requests carry no key of ours: the sender puts the token in.
  s.credentials.key = R"({"type":"service_account"})";
  s.restarted();
  EXPECT_TRUE(s.plan().access_token);
  EXPECT_EQ(s.header("authorization"), "-");
}

TEST(VertexBatch, Shards) {
  Script s = at("files");
  const auto name = [](int i) { return fmt::format("{}predictions_{}.jsonl", output(), i); };
  EXPECT_EQ(s.answer(200, objects({output() + "README", name(1), name(0)})),
            "collect predictions_0.jsonl");
  EXPECT_EQ(s.restarted(), "collect predictions_0.jsonl");
  EXPECT_EQ(s.collected(), "files");
  EXPECT_THAT(s.plan().target, HasSubstr("&startOffset=" + http::percent_encode(name(0))));
  EXPECT_EQ(s.answer(200, objects({name(0)}, "next page")), "files");
  EXPECT_THAT(s.plan().target, HasSubstr("&pageToken=next%20page"));
  EXPECT_EQ(s.answer(200, objects({name(1)})), "collect predictions_1.jsonl");
  EXPECT_EQ(s.collected(), "files");
  EXPECT_EQ(s.plan().target.find("pageToken"), std::string::npos);
  EXPECT_EQ(s.answer(200, objects({name(1), output() + "z/errors.jsonl"})),
            "collect z/errors.jsonl");
  EXPECT_EQ(s.collected(), "files");
  EXPECT_EQ(s.answer(200, kNothing), "sweep");
}

TEST(VertexBatch, AnAnswerDoesNotChooseWhatIsRead) {
  const auto prefix = [](std::string_view directory) {
    Script s = at("poll");
    s.answer(200, job("SUCCEEDED",
                      fmt::format(R"(,"outputInfo":{{"gcsOutputDirectory":"{}"}})", directory)));
    return http::query_value(s.plan().target, "prefix").value_or("-");
  };
  const auto ours = folder() + "output/";
  EXPECT_EQ(prefix("gs://pail/" + ours + "x"), ours + "x/");
  for (const char* other :
       {"gs://other/weir", "gs://pail", "gs://pail/", "gs://pail/weir", "", "x"})
    EXPECT_EQ(prefix(other), ours) << other;
  Script s = at("files");
  EXPECT_EQ(s.answer(200, objects({"elsewhere/predictions.jsonl"})), "wait 10s");
}

TEST(VertexBatch, UploadsThatFail) {
  Script s = at("upload");
  EXPECT_EQ(s.lost(), "wait 10s");
  EXPECT_EQ(s.timer(), "upload");
  EXPECT_EQ(
      s.answer(404, R"({"error":{"code":404,"message":"The specified bucket does not exist."}})"),
      "sweep");
  EXPECT_EQ(s.answer(404), "refused not_found");
  EXPECT_THAT(s.end().error.hint, HasSubstr("bucket"));
  s = at("upload");
  std::string told;
  for (std::uint64_t i = 0; i < 3 * kUploadTriesMax && s.phase() == "upload"; ++i)
    told = s.answer(503), told = s.phase() == "upload" ? s.timer() : told;
  EXPECT_EQ(s.answer(200, kNothing), "refused unavailable");
  // No access token: whether that passes, its error says.
  s = at("upload");
  EXPECT_EQ(s.on({.kind = Kind::kNotSent,
                  .error = {.kind = ErrorKind::kUnauthenticated, .message = "no token"}}),
            "sweep");
  EXPECT_EQ(s.not_sent(), "refused unauthenticated");
}

TEST(VertexBatch, SettingsThatSayNoBucket) {
  for (const char* bucket : {"", "pail", "gs://", "gs://a", "gs://pail/a b", "gs://../x",
                             "gs://pail/a?b", "s3://pail/x"}) {
    Script s;
    s.credentials.settings.set("bucket", bucket);
    EXPECT_EQ(s.start(), "refused invalid_argument") << bucket;
    EXPECT_THAT(s.end().error.message, HasSubstr("the setting bucket"));
  }
  Script s;
  s.credentials.settings.set("bucket", "gs://pail/");
  s.start();
  EXPECT_THAT(s.plan().target, HasSubstr("&name=" + tag() + "%2Finput.jsonl"));
  // Once there may be a batch, nobody forgets it.
  s = at("poll");
  s.credentials.settings.set("bucket", "");
  EXPECT_EQ(s.restarted(), "held invalid_argument");
}

TEST(VertexBatch, ACreateIsNeverSentBlindlyAgain) {
  for (const int status : {200, 302, 408, 409, 499, 500, 503, 504}) {
    Script s = at("create");
    EXPECT_EQ(s.answer(status, "?"), "list") << status;
    EXPECT_EQ(s.plan().target, jobs("?pageSize=100"));
  }
  Script s = at("create");
  EXPECT_EQ(s.lost(), "list");
  EXPECT_EQ(s.answer(200, list(job("RUNNING", "", "9", "else"), "t=1")), "list");
  EXPECT_EQ(s.plan().target, jobs("?pageSize=100&pageToken=t%3D1"));
  EXPECT_EQ(s.answer(200, list(job("PENDING"))), "poll");
  EXPECT_THAT(s.step.reason, HasSubstr("adopted 4561"));
  EXPECT_EQ(s.plan().target, jobs("/4561"));
}

TEST(VertexBatch, WhatWasNotMadeIsSentAgain) {
  EXPECT_EQ(at("create").not_sent(), "wait 10s");
  Script s = at("create");
  EXPECT_EQ(s.answer(429, R"({"error":{"status":"RESOURCE_EXHAUSTED"}})", {{"retry-after", "37"}}),
            "wait 37s");
  EXPECT_EQ(s.timer(), "create");
  for (const auto& [status, told] :
       {std::pair(400, "refused invalid_argument"), std::pair(404, "refused not_found"),
        std::pair(403, "refused unauthenticated")}) {
    s = at("create");
    EXPECT_EQ(s.answer(status), "sweep");
    EXPECT_EQ(s.answer(200, kNothing), told);
  }
  // Not listed: only after create_visibility_max.
  s = at("create");
  s.lost();
  int waits = 0;
  while (s.answer(200, "{}").starts_with("wait") && s.timer() == "list") ++waits;
  EXPECT_EQ(s.told(), "create");
  EXPECT_GE(s.now - kBegin, 10min);
  EXPECT_GT(waits, 5);
}

TEST(VertexBatch, OnlyAListSaysThatThereIsNothing) {
  for (const char* body :
       {"", "[]", R"({"error":{}})", R"({"batchPredictionJobs":7})", R"({"data":[]})"}) {
    Script s = at("list");
    s.now += 1h;
    EXPECT_TRUE(s.answer(200, body).starts_with("wait")) << body;
    EXPECT_EQ(s.timer(), "list");
  }
  for (const char* body : {"", "[]", R"({"error":{}})", R"({"items":7})"}) {
    Script s = at("files");
    EXPECT_EQ(s.answer(200, body), "wait 10s") << body;
    EXPECT_EQ(s.timer(), "files");
  }
  Script s = at("list");
  s.now += 1h;
  s.restarted();
  EXPECT_EQ(s.answer(200, R"({"batchPredictionJobs":[]})"), "create");
  EXPECT_EQ(at("list").answer(403), "held unauthenticated");
  EXPECT_EQ(at("files").answer(403), "held unauthenticated");
}

TEST(VertexBatch, TwoCandidatesAreHeld) {
  Script s = at("list");
  EXPECT_EQ(s.answer(200, list(job("PENDING"), "t")), "list");
  EXPECT_EQ(s.answer(200, list(job("PENDING") + "," + job("PENDING", "", "4562"))),
            "held bad_response");
  EXPECT_THAT(s.end().error.message, HasSubstr("4561, 4562"));
}

TEST(VertexBatch, Ends) {
  for (const char* state : {"SUCCEEDED", "PARTIALLY_SUCCEEDED", "CANCELLED", "EXPIRED", "FAILED"}) {
    Script s = at("poll");  // whatever the state, what it left is read: it is paid
    EXPECT_EQ(s.answer(200, succeeded(state)), "files") << state;
    s.answer(200, objects({output() + "predictions.jsonl"}));
    s.collected();
    EXPECT_EQ(s.answer(200, kNothing), "sweep");
    EXPECT_EQ(s.answer(200, kNothing), "ended") << state;
  }
  Script s = at("poll");
  EXPECT_EQ(
      s.answer(200, job("FAILED", R"(,"error":{"code":3,"message":"Failed to import data."})")),
      "files");
  EXPECT_EQ(s.answer(200, kNothing), "sweep");
  EXPECT_EQ(s.answer(200, kNothing), "refused invalid_argument");
  EXPECT_THAT(s.end().error.message, HasSubstr("Failed to import data."));
  for (const char* state : {"CANCELLED", "EXPIRED"}) {
    s = at("poll");
    s.answer(200, job(state));
    EXPECT_EQ(s.answer(200, kNothing), "sweep");
    EXPECT_EQ(s.answer(200, kNothing), "ended");
  }
  for (const char* state :
       {"QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED", "UPDATING", "NOVEL"})
    EXPECT_EQ(at("poll").answer(200, job(state)), "wait 15s") << state;
}

TEST(VertexBatch, AnExportThatLagsBehind) {
  Script s = at("files");
  std::uint64_t looks = 1;
  while (s.answer(200, kNothing).starts_with("wait") && s.timer() == "poll") {
    EXPECT_EQ(s.answer(200, succeeded()), "files");
    ++looks;
  }
  EXPECT_EQ(s.told(), "held bad_response");
  EXPECT_EQ(looks, kCollectTriesMax);
}

TEST(VertexBatch, Polls) {
  EXPECT_EQ(at("poll").answer(503), "wait 15s");
  EXPECT_EQ(at("poll").answer(200, "{}"), "wait 15s");
  EXPECT_EQ(at("poll").answer(200, job("RUNNING", "", "9")), "wait 15s");
  EXPECT_EQ(at("poll").lost(), "wait 15s");
  EXPECT_EQ(at("poll").not_sent(), "wait 15s");
  EXPECT_EQ(at("poll").answer(404), "held not_found");
  EXPECT_EQ(at("poll").answer(403), "held unauthenticated");
  EXPECT_EQ(at("poll").answer(200, job("RUNNING"), {{"retry-after", "42"}}), "wait 42s");
}

TEST(VertexBatch, Cancelling) {
  Script s = at("poll wait");
  EXPECT_EQ(s.cancel(), "cancel");
  EXPECT_EQ(s.plan().target, jobs("/4561:cancel"));
  EXPECT_EQ(text_of(s.plan()), "{}");
  EXPECT_EQ(s.answer(200, "{}"), "wait 10s");
  EXPECT_EQ(s.timer(), "poll");
  EXPECT_EQ(s.answer(200, job("CANCELLING")), "wait 15s");  // it was told; it is not told again
  s.timer();
  EXPECT_EQ(s.answer(200, succeeded("CANCELLED")), "files");
  // Refused, and it still runs: again.
  s = at("cancel");
  s.answer(503), s.timer();
  EXPECT_EQ(s.answer(200, job("RUNNING")), "cancel");
  EXPECT_EQ(at("cancel").answer(401), "held unauthenticated");
  // Before there is a batch.
  for (const char* state : {"upload", "upload wait", "create wait"}) {
    s = at(state);
    EXPECT_EQ(s.cancel(), "sweep") << state;
    EXPECT_EQ(s.answer(200, kNothing), "refused cancelled") << state;
  }
  EXPECT_EQ(at("create").cancel(), "list");
  EXPECT_EQ(at("collect").cancel(), "collect predictions.jsonl");
}

TEST(VertexBatch, ACancelledCreateIsLookedFor) {
  Script s = at("create");
  s.cancel();
  EXPECT_EQ(s.answer(200, list(job("RUNNING"))), "poll");
  EXPECT_EQ(s.answer(200, job("RUNNING")), "cancel");
  s = at("create");
  s.cancel();
  s.now += 11min;
  s.restarted();
  EXPECT_EQ(s.answer(200, "{}"), "sweep");
  EXPECT_EQ(s.answer(200, kNothing), "refused cancelled");
}

TEST(VertexBatch, RestartsGoOn) {
  for (const auto state : kStates) {
    Script s = at(state);
    const std::string before = s.told();
    const std::string after = s.restarted();
    if (state == "create") EXPECT_EQ(after, "list");
    else EXPECT_EQ(after, before) << state;
    if (s.phase() == "done") continue;
    EXPECT_TRUE(s.cancel() != "error") << state;
  }
  Script fresh;
  EXPECT_EQ(fresh.restarted(), "upload");
}

TEST(VertexBatch, EventsThatDoNotFit) {
  for (const auto state : kStates) {
    Script s = at(state);
    if (state == "done") continue;
    const provider::BatchContext context{
        .credentials = s.credentials, .limits = s.limits, .id = kId, .model = "m", .now = s.now};
    EXPECT_FALSE(next_batch_step(s.options, s.step.state, {.kind = Kind::kStart}, context))
        << state;
    const bool waits = std::get_if<provider::Wait>(&s.step.action) != nullptr;
    EXPECT_EQ(next_batch_step(s.options, s.step.state, {.kind = Kind::kTimer}, context).has_value(),
              waits)
        << state;
  }
  const Script s;
  const provider::BatchContext context{
      .credentials = s.credentials, .limits = s.limits, .id = kId, .model = "m", .now = s.now};
  for (const char* state : {"{", "{}", R"({"v":2,"at":"poll"})", R"({"v":1,"at":"novel"})"})
    EXPECT_EQ(next_batch_step(s.options, state, {.kind = Kind::kRestarted}, context).error().kind,
              ErrorKind::kInternal);
}

TEST(VertexBatch, ResultsThatCannotBeRead) {
  Script s = at("collect");
  EXPECT_EQ(s.collect_failed(), "wait 10s");
  EXPECT_EQ(s.timer(), "collect predictions.jsonl");
  std::uint64_t tries = 1;
  while (s.collect_failed().starts_with("wait") && s.timer() == "collect predictions.jsonl")
    ++tries;
  EXPECT_EQ(s.told(), "held unavailable");
  EXPECT_EQ(tries + 1, kCollectTriesMax);
}

TEST(VertexBatch, SweepingIsBestEffort) {
  Script s = at("sweep");
  EXPECT_EQ(s.answer(403), "ended");
  EXPECT_THAT(s.step.reason, HasSubstr("could not be swept"));
  // A few times: others are to go as well.
  s = at("remove");
  for (std::uint64_t failed = 1; failed < kRemoveFailuresMax; ++failed) {
    EXPECT_EQ(s.answer(403), "sweep");
    EXPECT_EQ(s.answer(200, objects({folder() + "input.jsonl"})), "remove");
  }
  EXPECT_EQ(s.answer(403), "ended");
  EXPECT_THAT(s.step.reason, HasSubstr("input.jsonl could not be deleted"));
  // What is not ours is not deleted, whatever the list says.
  s = at("sweep");
  EXPECT_EQ(s.answer(200, objects({"weir/other/input.jsonl", folder()})), "ended");
}

TEST(VertexBatch, SettledByHand) {
  using How = provider::Settlement::How;
  const auto held = [] {
    Script s = at("list");
    s.answer(403);
    return s;
  };
  EXPECT_EQ(held().settle({.how = How::kLost}), "ended");
  EXPECT_EQ(held().settle({.how = How::kNotMade}), "sweep");
  Script s = held();
  EXPECT_EQ(s.settle({.how = How::kAdopt, .provider_batch_id = "99"}), "poll");
  EXPECT_EQ(s.plan().target, jobs("/99"));
  EXPECT_EQ(s.answer(200, job("RUNNING", "", "99", "another")), "held invalid_argument");
  EXPECT_EQ(s.settle({.how = How::kAdopt,
                      .provider_batch_id = "projects/1/locations/x/batchPredictionJobs/4561"}),
            "poll");
  EXPECT_EQ(s.answer(200, succeeded()), "files");
  s.answer(200, objects({output() + "predictions.jsonl"}));
  EXPECT_EQ(s.collect_failed(ErrorKind::kNotFound), "held invalid_argument");
  EXPECT_EQ(s.settle({.how = How::kAdopt, .provider_batch_id = ".."}), "held invalid_argument");
}

}  // namespace
}  // namespace weir::providers::vertexAI
