// The batch machine as scripts of events. Steps are compared as short texts.
#include "providers/gemini/batch.h"

#include <gmock/gmock.h>

#include "json/value.h"
#include "providers/gemini/batch_script.h"

namespace weir::providers::gemini {
namespace {

using testing::HasSubstr;

std::string text_of(const http::RequestPlan& plan) {
  return plan.body.empty() ? "" : std::get<std::string>(plan.body.front());
}

TEST(GeminiBatch, TheStraightWay) {
  Script s;
  EXPECT_EQ(s.start(), "start");
  EXPECT_EQ(s.plan().target, "/gemini/upload/v1beta/files");
  EXPECT_EQ(s.header("x-goog-api-key"), "AIza-secret");
  EXPECT_EQ(s.header("x-goog-upload-command"), "start");
  EXPECT_EQ(s.header("x-goog-upload-protocol"), "resumable");
  EXPECT_EQ(s.header("x-goog-upload-header-content-length"), "777");
  EXPECT_EQ(text_of(s.plan()), R"({"file":{"displayName":")" + tag() + R"("}})");

  EXPECT_EQ(s.answer(200, "", kSession), "upload");
  EXPECT_EQ(s.plan().target, "/gemini/upload/v1beta/files?upload_id=u1&upload_protocol=resumable");
  EXPECT_EQ(s.header("x-goog-upload-command"), "upload, finalize");
  EXPECT_EQ(s.header("x-goog-upload-offset"), "0");
  EXPECT_EQ(std::get<http::ImageSlice>(s.plan().body.front()), (http::ImageSlice{0, 777}));

  EXPECT_EQ(s.answer(200, kFile), "create");
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/models/gemini-3.8-flash:batchGenerateContent");
  EXPECT_EQ(text_of(s.plan()), R"({"batch":{"displayName":")" + tag() +
                                   R"(","inputConfig":{"fileName":"files/in1"}}})");

  EXPECT_EQ(s.answer(200, operation("PENDING")), "wait 10s");
  EXPECT_EQ(s.step.view.provider_batch_id, "b1");
  EXPECT_EQ(s.step.view.created_at, parse_rfc3339("2026-11-23T12:00:05.123456Z"));
  EXPECT_EQ(s.timer(), "poll");
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/batches/b1");
  EXPECT_EQ(s.answer(200, operation("RUNNING", R"(,"batchStats":{"successfulRequestCount":"1"})")),
            "wait 15s");
  EXPECT_EQ(s.step.view.done, 1U);
  EXPECT_EQ(s.step.view.status, "BATCH_STATE_RUNNING");
  s.timer();
  EXPECT_EQ(s.answer(200, succeeded()), "collect output");
  EXPECT_EQ(s.plan().target, "/gemini/download/v1beta/files/batch-b1:download?alt=media");
  EXPECT_EQ(s.step.view.ended_at, parse_rfc3339("2026-11-23T13:00:00Z"));
  EXPECT_EQ(s.step.view.done, 3U);
  EXPECT_EQ(s.collected(), "delete_file");
  EXPECT_EQ(s.plan().method, http::Method::kDelete);
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/files/in1");
  EXPECT_EQ(s.answer(200, "{}"), "delete_batch");
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/batches/b1");
  EXPECT_EQ(s.answer(200, "{}"), "ended");
  EXPECT_EQ(s.restarted(), "ended");
}

TEST(GeminiBatch, AnUploadGoesOnWhereItStopped) {
  Script s = at("upload");
  EXPECT_EQ(s.lost(), "wait 10s");
  EXPECT_EQ(s.timer(), "query");
  EXPECT_EQ(s.header("x-goog-upload-command"), "query");
  EXPECT_TRUE(s.plan().body.empty());
  EXPECT_EQ(s.answer(200, "",
                     {{"x-goog-upload-status", "active"}, {"x-goog-upload-size-received", "500"}}),
            "upload");
  EXPECT_EQ(s.header("x-goog-upload-offset"), "500");
  EXPECT_EQ(std::get<http::ImageSlice>(s.plan().body.front()), (http::ImageSlice{500, 277}));
  // All of it had come: the answer was lost alone.
  EXPECT_EQ(s.restarted(), "query");
  EXPECT_EQ(s.answer(200, kFile, {{"x-goog-upload-status", "final"}}), "create");
}

TEST(GeminiBatch, AnUploadStartsAnewWhereItCannotGoOn) {
  Script s = at("query");
  EXPECT_EQ(s.answer(200, "", {{"x-goog-upload-status", "final"}}), "wait 15s");  // no file
  EXPECT_EQ(s.timer(), "start");
  s = at("query");
  EXPECT_EQ(s.answer(200, "",
                     {{"x-goog-upload-status", "active"}, {"x-goog-upload-size-received", "778"}}),
            "wait 15s");
  EXPECT_EQ(s.timer(), "start");
  s = at("query");
  EXPECT_EQ(s.answer(404), "wait 15s");
  EXPECT_EQ(s.timer(), "start");
  s = at("upload");
  EXPECT_EQ(s.answer(410), "wait 10s");
  EXPECT_EQ(s.timer(), "start");
  s = at("query");
  EXPECT_EQ(s.answer(503), "wait 15s");
  EXPECT_EQ(s.timer(), "query");
  s = at("start");
  EXPECT_EQ(s.answer(200), "wait 10s");  // without an address
  EXPECT_EQ(s.timer(), "start");
}

TEST(GeminiBatch, AnAddressNeverLeadsElsewhere) {
  for (const char* url :
       {"https://evil.example/x?upload_id=u1", "upload/v1beta/files?a=\"", "/upload/v1beta/files",
        "https://h/upload/v1beta/files?", "https://h/upload/v1beta/files?a b",
        "https://h/upload/v1beta/files?a=/../b"}) {
    Script s = at("start");
    EXPECT_EQ(s.answer(200, "", {{"x-goog-upload-url", url}}), "wait 10s") << url;
  }
  Script s = at("start");
  s.answer(200, "",
           {{"x-goog-upload-url", "https://evil.example/upload/v1beta/files?upload_id=u"}});
  EXPECT_EQ(s.plan().target, "/gemini/upload/v1beta/files?upload_id=u");  // of our endpoint
  for (const char* name : {"files/../x", "batches/x", "files/", "files/a?b", "files/a/b"}) {
    s = at("upload");
    EXPECT_EQ(s.answer(200, fmt::format(R"({{"file":{{"name":"{}"}}}})", name)), "wait 10s")
        << name;
  }
}

TEST(GeminiBatch, UploadsThatAreRefused) {
  const std::string key =
      R"({"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"@type":"x/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}})";
  EXPECT_EQ(at("start").answer(400, key), "refused unauthenticated");
  EXPECT_EQ(at("start").answer(400), "refused invalid_argument");
  EXPECT_EQ(at("start").answer(429, R"({"error":{"message":"prepayment credits are depleted"}})"),
            "refused invalid_argument");
  Script s = at("start");
  std::string told;
  for (std::uint64_t i = 0; i < 3 * kUploadTriesMax && s.phase() != "done"; ++i)
    told = s.answer(503), told = s.phase() == "done" ? told : s.timer();
  EXPECT_EQ(s.told(), "refused unavailable");
}

TEST(GeminiBatch, ACreateIsNeverSentBlindlyAgain) {
  for (const int status : {200, 302, 408, 409, 499, 500, 503, 504}) {
    Script s = at("create");
    EXPECT_EQ(s.answer(status, "?"), "list") << status;
    EXPECT_EQ(s.plan().target, "/gemini/v1beta/batches?pageSize=100");
  }
  Script s = at("create");
  EXPECT_EQ(s.lost(), "list");
  EXPECT_EQ(s.answer(200, list(operation("RUNNING", "", "", "batches/other", "else"), "t=1")),
            "list");
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/batches?pageSize=100&pageToken=t%3D1");
  EXPECT_EQ(s.answer(200, list(operation("PENDING"))), "poll");
  EXPECT_THAT(s.step.reason, HasSubstr("adopted batches/b1"));
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/batches/b1");
}

TEST(GeminiBatch, WhatWasNotMadeIsSentAgain) {
  EXPECT_EQ(at("create").not_sent(), "wait 10s");
  Script s = at("create");
  EXPECT_EQ(s.answer(429, R"({"error":{"status":"RESOURCE_EXHAUSTED","details":[)"
                          R"({"@type":"x/google.rpc.RetryInfo","retryDelay":"37s"}]}})"),
            "wait 37s");
  EXPECT_EQ(s.timer(), "create");
  for (const auto& [status, told] :
       {std::pair(400, "refused invalid_argument"), std::pair(404, "refused not_found")}) {
    s = at("create");
    EXPECT_EQ(s.answer(status), "delete_file");
    EXPECT_EQ(s.answer(200, "{}"), told);
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

TEST(GeminiBatch, OnlyAListSaysThatThereIsNoBatch) {
  for (const char* body : {"", "[]", R"({"error":{}})", R"({"operations":7})", R"({"data":[]})"}) {
    Script s = at("list");
    s.now += 1h;
    EXPECT_TRUE(s.answer(200, body).starts_with("wait")) << body;
    EXPECT_EQ(s.timer(), "list");
  }
  Script s = at("list");
  s.now += 1h;
  s.restarted();
  EXPECT_EQ(s.answer(200, R"({"operations":[]})"), "create");
  EXPECT_EQ(at("list").answer(403), "held unauthenticated");
}

TEST(GeminiBatch, TwoCandidatesAreHeld) {
  Script s = at("list");
  EXPECT_EQ(s.answer(200, list(operation("PENDING"), "t")), "list");
  EXPECT_EQ(
      s.answer(200, list(operation("PENDING") + "," + operation("PENDING", "", "", "batches/b2"))),
      "held bad_response");
  EXPECT_THAT(s.end().error.message, HasSubstr("batches/b1, batches/b2"));
}

TEST(GeminiBatch, Ends) {
  EXPECT_EQ(at("poll").answer(
                200, operation("FAILED", "", R"(,"done":true,"error":{"code":3,"message":"no"})")),
            "delete_file");
  Script s = at("poll");
  s.answer(200, operation("FAILED", "", R"(,"done":true,"error":{"code":13})"));
  EXPECT_EQ(s.answer(403), "refused unavailable");  // gone already, and the batch stays
  for (const char* state : {"CANCELLED", "EXPIRED"}) {
    s = at("poll");
    EXPECT_EQ(s.answer(200, operation(state, "", R"(,"done":true,"error":{"code":13})")),
              "delete_file");
    EXPECT_EQ(s.answer(200, "{}"), "ended");
    s = at("poll");  // it has responses after all: they may be paid
    EXPECT_EQ(s.answer(200, operation(state, R"(,"output":{"responsesFile":"files/o"})")),
              "collect output");
  }
  s = at("poll");  // a word that is new: over is over
  EXPECT_EQ(s.answer(200, operation("NOVEL", "",
                                    R"(,"done":true,"response":{"responsesFile":"files/o"})")),
            "collect output");
  EXPECT_EQ(at("poll").answer(200, operation("NOVEL")), "wait 15s");
}

TEST(GeminiBatch, AnEndThatLagsBehind) {
  Script s = at("poll");
  std::string told;
  std::uint64_t polls = 1;
  while (
      (told = s.answer(200, operation("SUCCEEDED", "", R"(,"done":true)"))).starts_with("wait") &&
      s.timer() == "poll")
    ++polls;
  EXPECT_EQ(told, "held bad_response");
  EXPECT_EQ(polls, kCollectTriesMax);
  s = at("poll");
  s.answer(200, operation("SUCCEEDED"));
  s.timer();
  EXPECT_EQ(s.answer(200, succeeded()), "collect output");
}

TEST(GeminiBatch, Polls) {
  EXPECT_EQ(at("poll").answer(503), "wait 15s");
  EXPECT_EQ(at("poll").answer(200, "{}"), "wait 15s");
  EXPECT_EQ(at("poll").answer(200, operation("RUNNING", "", "", "batches/other")), "wait 15s");
  EXPECT_EQ(at("poll").lost(), "wait 15s");
  EXPECT_EQ(at("poll").answer(404), "held not_found");
  EXPECT_EQ(at("poll").answer(403), "held unauthenticated");
  EXPECT_EQ(at("poll").answer(200, operation("RUNNING"), {{"retry-after", "42"}}), "wait 42s");
}

TEST(GeminiBatch, Cancelling) {
  Script s = at("poll wait");
  EXPECT_EQ(s.cancel(), "cancel");
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/batches/b1:cancel");
  EXPECT_EQ(text_of(s.plan()), "{}");
  EXPECT_EQ(s.answer(200, "{}"), "wait 10s");
  EXPECT_EQ(s.timer(), "poll");
  EXPECT_EQ(s.answer(200, operation("RUNNING")), "wait 15s");  // it was told; it is not told again
  s.timer();
  EXPECT_EQ(s.answer(200, operation("CANCELLED", "", R"(,"done":true)")), "delete_file");
  // Refused, and it still runs: again.
  s = at("cancel");
  s.answer(503), s.timer();
  EXPECT_EQ(s.answer(200, operation("RUNNING")), "cancel");
  EXPECT_EQ(at("cancel").answer(401), "held unauthenticated");
  // Before there is a batch.
  for (const char* state : {"start", "start wait", "upload", "query", "query wait"})
    EXPECT_EQ(at(state).cancel(), "refused cancelled") << state;
  EXPECT_EQ(at("create wait").cancel(), "delete_file");
  EXPECT_EQ(at("create").cancel(), "list");
  EXPECT_EQ(at("collect").cancel(), "collect output");
}

TEST(GeminiBatch, ACancelledCreateIsLookedFor) {
  Script s = at("create");
  s.cancel();
  EXPECT_EQ(s.answer(200, list(operation("RUNNING"))), "poll");
  EXPECT_EQ(s.answer(200, operation("RUNNING")), "cancel");
  s = at("create");
  s.cancel();
  s.now += 11min;
  s.restarted();
  EXPECT_EQ(s.answer(200, "{}"), "delete_file");
  EXPECT_EQ(s.answer(200), "refused cancelled");
}

TEST(GeminiBatch, RestartsGoOn) {
  for (const auto state : kStates) {
    Script s = at(state);
    const std::string before = s.told();
    const std::string after = s.restarted();
    if (state == "create") EXPECT_EQ(after, "list");
    else if (state == "upload") EXPECT_EQ(after, "query");
    else EXPECT_EQ(after, before) << state;
    if (s.phase() == "done") continue;
    EXPECT_TRUE(s.cancel() != "error") << state;
  }
  Script fresh;
  EXPECT_EQ(fresh.restarted(), "start");
}

TEST(GeminiBatch, EventsThatDoNotFit) {
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

TEST(GeminiBatch, ResultsThatCannotBeRead) {
  Script s = at("collect");
  EXPECT_EQ(s.collect_failed(), "wait 10s");
  EXPECT_EQ(s.timer(), "collect output");
  std::uint64_t tries = 1;
  while (s.collect_failed().starts_with("wait") && s.timer() == "collect output") ++tries;
  EXPECT_EQ(s.told(), "held unavailable");
  EXPECT_EQ(tries + 1, kCollectTriesMax);
}

TEST(GeminiBatch, DeletingIsBestEffort) {
  for (const int status : {200, 403, 404}) {
    Script s = at("delete_file");
    EXPECT_EQ(s.answer(status), "delete_batch");
    EXPECT_EQ(s.step.reason, "") << status;
  }
  Script s = at("delete_file");
  s.answer(500);
  EXPECT_THAT(s.step.reason, HasSubstr("files/in1 could not be deleted"));
  EXPECT_EQ(s.answer(403), "ended");
  EXPECT_THAT(s.step.reason, HasSubstr("batches/b1 could not be deleted"));
}

TEST(GeminiBatch, SettledByHand) {
  using How = provider::Settlement::How;
  const auto held = [] {
    Script s = at("list");
    s.answer(403);
    return s;
  };
  EXPECT_EQ(held().settle({.how = How::kLost}), "ended");
  EXPECT_EQ(held().settle({.how = How::kNotMade}), "delete_file");
  Script s = held();
  EXPECT_EQ(s.settle({.how = How::kAdopt, .provider_batch_id = "b9"}), "poll");
  EXPECT_EQ(s.plan().target, "/gemini/v1beta/batches/b9");
  EXPECT_EQ(s.answer(200, operation("RUNNING", "", "", "batches/b9", "another")),
            "held invalid_argument");
  EXPECT_EQ(s.settle({.how = How::kAdopt, .provider_batch_id = "batches/b1"}), "poll");
  EXPECT_EQ(s.answer(200, succeeded()), "collect output");
  EXPECT_EQ(s.collect_failed(ErrorKind::kNotFound), "held invalid_argument");
  EXPECT_EQ(s.settle({.how = How::kAdopt, .provider_batch_id = "../x"}), "held invalid_argument");
}

}  // namespace
}  // namespace weir::providers::gemini
