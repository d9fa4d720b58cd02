// The batch machine as scripts of events.
#include "providers/fireworks/batch_script.h"

namespace weir::providers::fireworks {
namespace {

std::string body_of(const http::RequestPlan& plan) { return std::get<std::string>(plan.body[0]); }

TEST(FireworksBatch, FromDatasetToTheLastFile) {
  Script s;
  s.start();
  EXPECT_EQ(s.target(), "/v1/accounts/acme/datasets");
  EXPECT_EQ(body_of(s.plan()), R"({"datasetId":")" + kJob +
                                   R"(-in","dataset":{"userUploaded":{},"exampleCount":"3"}})");
  s.answer(200, dataset("UPLOADING"));
  EXPECT_EQ(s.target(), "/v1/accounts/acme/datasets/" + kJob + "-in:upload");
  EXPECT_EQ(s.plan().body[1], http::BodyPiece(http::ImageSlice{0, 777}));
  EXPECT_EQ(s.answer(200).said(), "dataset state");
  EXPECT_EQ(s.answer(200, dataset("UPLOADING")).said(), "wait ready");
  s.timer().answer(200, dataset("READY"));
  EXPECT_EQ(s.target(), "/v1/accounts/acme/batchInferenceJobs?batchInferenceJobId=" + kJob);
  EXPECT_EQ(body_of(s.plan()), R"({"model":"accounts/fireworks/models/kimi-k3","inputDatasetId":)"
                               R"("accounts/acme/datasets/)" +
                                   kJob + R"(-in"})");
  EXPECT_EQ(s.answer(200, job("VALIDATING")).said(), "wait poll");
  EXPECT_EQ(s.last.view.provider_batch_id, kJob);
  s.timer();
  EXPECT_EQ(s.target(), "/v1/accounts/acme/batchInferenceJobs/" + kJob);
  s.answer(200, job("RUNNING", R"(,"jobProgress":{"totalProcessedRequests":"2"})"));
  EXPECT_EQ(s.last.view.done, 2U);
  EXPECT_EQ(s.last.view.status, "RUNNING");
  s.timer().answer(200, job("COMPLETED", R"(,"lifecycle":{"endTime":"2026-11-23T13:00:00Z"})"));
  EXPECT_EQ(s.last.view.ended_at, parse_rfc3339("2026-11-23T13:00:00Z"));
  EXPECT_EQ(s.target(), "/v1/accounts/acme/datasets/bij-1:getDownloadEndpoint");
  EXPECT_TRUE(s.plan().body.empty());
  EXPECT_EQ(s.answer(200, links()).said(), "collect BIJOutputSet.jsonl");
  EXPECT_EQ(s.plan().origin, (http::Origin{true, "storage.googleapis.com", 443}));
  EXPECT_EQ(s.target(), "/b/o?X-Goog-Signature=hush");
  EXPECT_EQ(s.plan().headers.size(), 0U);              // no key away from home
  EXPECT_EQ(s.on(Kind::kCollected).said(), "locate");  // a link lives ten minutes
  EXPECT_EQ(s.answer(200, links()).said(), "collect error-data");
  EXPECT_EQ(s.on(Kind::kCollected).target(), "/v1/accounts/acme/datasets/" + kJob + "-in");
  EXPECT_EQ(s.plan().method, http::Method::kDelete);
  EXPECT_EQ(s.answer(200).target(), "/v1/accounts/acme/datasets/bij-1");
  EXPECT_EQ(s.answer(200).said(), "ended");
}

TEST(FireworksBatch, WithoutAnAccountThereIsNothingToDo) {
  Script s;
  s.credentials.settings = {};
  EXPECT_EQ(s.start().said(), "refused unsupported");
}

TEST(FireworksBatch, LinksLeadOnlyWhereTheyMay) {
  for (const auto* host : {"https://evil.example", "http://storage.googleapis.com",
                           "http://169.254.169.254", "https://api.fireworks.ai.evil.example"}) {
    auto s = at("locate");
    EXPECT_EQ(s.answer(200, links(host)).said(), "held bad_response") << host;
    EXPECT_EQ(s.reasons.find("hush"), std::string::npos);
  }
  auto home = at("locate");
  EXPECT_EQ(home.answer(200, links(kOrigin)).said(), "collect BIJOutputSet.jsonl");
  EXPECT_EQ(home.plan().origin, std::nullopt);
  EXPECT_EQ(home.plan().headers.size(), 0U);
}

TEST(FireworksBatch, EveryStateLeadsWhereItShould) {
  struct Case {
    std::string_view state, said;
  };
  for (const auto& [state, said] : {Case{"VALIDATING", "wait poll"},
                                    Case{"PENDING", "wait poll"},
                                    Case{"CREATING", "wait poll"},
                                    Case{"RUNNING", "wait poll"},
                                    Case{"WRITING_RESULTS", "wait poll"},
                                    Case{"RE_QUEUEING", "wait poll"},
                                    Case{"IDLE", "wait poll"},
                                    Case{"PAUSED", "wait poll"},
                                    Case{"CREATING_INPUT_DATASET", "wait poll"},
                                    Case{"CANCELLING", "wait poll"},
                                    Case{"DELETING", "wait poll"},
                                    Case{"DELETING_CLEANING_UP", "wait poll"},
                                    Case{"A_WORD_OF_2027", "wait poll"},
                                    Case{"COMPLETED", "locate"},
                                    Case{"FAILED", "locate"},
                                    Case{"EXPIRED", "locate"},
                                    Case{"EARLY_STOPPED", "locate"},
                                    Case{"CANCELLED", "locate"},
                                    Case{"DELETED", "locate"},
                                    Case{"ARCHIVED", "locate"}})
    EXPECT_EQ(at("poll").answer(200, job(state)).said(), said) << state;
}

// One bad row fails the whole job: the engine looks for it in halves, as no line number of theirs can be trusted.
TEST(FireworksBatch, AFailedJobIsRefused) {
  auto s = at("poll");
  s.answer(200, job("FAILED",
                    R"(,"status":{"code":"INVALID_ARGUMENT","message":"input.jsonl:1: bad"})"));
  s.nothing_there().to_end();
  EXPECT_EQ(s.said(), "refused invalid_argument");
  const auto& finished = std::get<provider::Finished>(s.last.action);
  EXPECT_EQ(finished.line, std::nullopt);
  EXPECT_NE(finished.error.message.find("input.jsonl:1: bad"), std::string::npos);
  struct Case {
    std::string_view code, said;
  };
  for (const auto& [code, said] :
       {Case{"INTERNAL", "refused unavailable"}, Case{"RESOURCE_EXHAUSTED", "refused rate_limited"},
        Case{"OK", "refused unavailable"}}) {
    auto other = at("poll");
    other.answer(200, job("FAILED", fmt::format(R"(,"status":{{"code":"{}"}})", code)));
    EXPECT_EQ(other.nothing_there().to_end().said(), said) << code;
  }
}

TEST(FireworksBatch, WhatAFailedJobLeftIsRead) {
  auto s = at("poll");
  s.answer(200, job("FAILED", R"(,"status":{"code":"INTERNAL"})"));
  EXPECT_EQ(s.answer(200, links()).said(), "collect BIJOutputSet.jsonl");
  s.on(Kind::kCollected).answer(200, links()).on(Kind::kCollected).to_end();
  EXPECT_EQ(s.said(), "ended");
}

TEST(FireworksBatch, AnExpiredJobMayHaveNoResults) {
  auto s = at("poll");
  s.answer(200, job("EXPIRED"));
  s.nothing_there();
  EXPECT_EQ(s.to_end().said(), "ended");
}

TEST(FireworksBatch, ResultsThatDoNotComeAreHeld) {
  auto s = at("locate");
  EXPECT_EQ(s.nothing_there().said(), "held not_found");
}

// --- Creates ---------------------------------------------------------------------------------------------------------

TEST(FireworksBatch, AnUnknownCreateIsAskedForByItsId) {
  for (const bool found : {true, false}) {
    auto s = at("create");
    EXPECT_EQ(s.lost().said(), "poll");
    EXPECT_EQ(s.target(), "/v1/accounts/acme/batchInferenceJobs/" + kJob);
    if (found) {
      EXPECT_EQ(s.answer(200, job("RUNNING")).said(), "wait poll");
      EXPECT_NE(s.reasons.find("adopted " + kJob), std::string::npos);
    } else {  // the same id again: it cannot become two
      EXPECT_EQ(s.answer(404, kNothing).said(), "create");
      EXPECT_EQ(s.answer(409, R"({"code":6,"message":"exists"})").said(), "poll");
      EXPECT_EQ(s.answer(200, job("RUNNING")).said(), "wait poll");
    }
  }
}

TEST(FireworksBatch, WhatMakesACreateUnknown) {
  for (const int status : {100, 302, 408, 409, 500, 502, 503}) {
    auto s = at("create");
    EXPECT_EQ(s.answer(status).said(), "poll") << status;
  }
  auto unreadable = at("create");
  EXPECT_EQ(unreadable.answer(200, "<html>").said(), "poll");
  auto restarted = at("create");
  EXPECT_EQ(restarted.on(Kind::kRestarted).said(), "poll");
  // And what does not.
  auto unsent = at("create");
  EXPECT_EQ(unsent.on(Kind::kNotSent).said(), "wait create");
  auto limited = at("create");
  EXPECT_EQ(limited.answer(429, "{}", {{"retry-after", "7"}}).said(), "wait create");
  EXPECT_EQ(limited.timer().said(), "create");
  for (const int status : {400, 403, 404, 412}) {
    auto s = at("create");
    EXPECT_EQ(s.answer(status).said(), "delete") << status;
  }
}

TEST(FireworksBatch, CreatesEnd) {
  auto s = at("create");
  for (int i = 0; i < 100 && s.said() != "delete"; ++i) {
    s.lost();
    s.answer(404, kNothing);
  }
  EXPECT_EQ(s.to_end().said(), "refused unavailable");
}

// --- The input dataset ----------------------------------------------------------------------------------------------

TEST(FireworksBatch, ADatasetThatIsThereAlreadyIsGoneOnWith) {
  auto s = at("dataset");
  EXPECT_EQ(s.answer(409).said(), "dataset state");
  EXPECT_EQ(s.answer(200, dataset("UPLOADING")).said(), "upload");
  auto full = at("dataset");
  full.answer(409);
  EXPECT_EQ(full.answer(200, dataset("READY")).said(), "create");
}

TEST(FireworksBatch, ALostUploadIsAskedFor) {
  auto s = at("upload");
  EXPECT_EQ(s.lost().said(), "wait ready");
  EXPECT_EQ(s.timer().said(), "dataset state");
  EXPECT_EQ(s.answer(200, dataset("UPLOADING")).said(), "upload");  // it did not come
  s.lost().timer();
  EXPECT_EQ(s.answer(200, dataset("READY")).said(), "create");  // it did
  auto restarted = at("upload");
  EXPECT_EQ(restarted.on(Kind::kRestarted).said(), "dataset state");
}

TEST(FireworksBatch, WhatTheDatasetIsRefusedFor) {
  EXPECT_EQ(at("dataset").answer(400).to_end().said(), "refused invalid_argument");
  EXPECT_EQ(at("dataset").answer(403).to_end().said(), "refused unauthenticated");
  EXPECT_EQ(at("upload").answer(413).to_end().said(), "refused invalid_argument");
  EXPECT_EQ(at("dataset").answer(500).said(), "wait dataset");
  EXPECT_EQ(at("ready")
                .answer(200, R"({"state":"UPLOADING","status":{"code":"INVALID_ARGUMENT"}})")
                .to_end()
                .said(),
            "refused invalid_argument");
  auto s = at("upload");
  for (int i = 0; i < 20 && s.said() != "delete"; ++i) {
    s.answer(500);
    if (s.said() == "wait ready") s.timer().answer(200, dataset("UPLOADING"));
  }
  EXPECT_EQ(s.to_end().said(), "refused unavailable");
}

// --- Cancel ---------------------------------------------------------------------------------------------------------

TEST(FireworksBatch, ACancelDeletesTheJobAndSaysWhatThatMeans) {
  auto s = at("poll");
  s.answer(200, job("RUNNING", R"(,"jobProgress":{"totalProcessedRequests":1})"));
  EXPECT_EQ(s.on(Kind::kCancel).said(), "cancel");
  EXPECT_EQ(s.plan().method, http::Method::kDelete);
  EXPECT_EQ(s.target(), "/v1/accounts/acme/batchInferenceJobs/" + kJob);
  EXPECT_EQ(s.answer(200).said(), "wait poll");
  EXPECT_NE(s.reasons.find("what it had done is lost"), std::string::npos);
  s.timer().answer(200,
                   job("DELETING_CLEANING_UP", R"(,"jobProgress":{"totalProcessedRequests":2})"));
  EXPECT_EQ(s.last.view.done, 2U);  // the engine books so many as unknown
  s.timer().answer(404, kNothing).to_end();
  EXPECT_EQ(s.said(), "ended");
  EXPECT_EQ(s.last.view.status, "DELETED");
  EXPECT_EQ(s.last.view.done, 2U);
}

TEST(FireworksBatch, CancelAtEveryStep) {
  struct Case {
    std::string_view step, said;
  };
  for (const auto& [step, said] :
       {Case{"new", "delete"}, Case{"dataset", "delete"}, Case{"upload", "delete"},
        Case{"ready", "delete"}, Case{"create", "poll"}, Case{"wait poll", "cancel"},
        Case{"poll", "cancel"}, Case{"cancel", "cancel"}, Case{"locate", "locate"},
        Case{"collect", "locate"}, Case{"remove", "delete"}, Case{"done", "ended"}})
    EXPECT_EQ(at(step).on(Kind::kCancel).said(), said) << step;
  EXPECT_EQ(at("ready").on(Kind::kCancel).to_end().said(), "refused cancelled");
}

TEST(FireworksBatch, ACancelledCreateMustNotRunUnseen) {
  auto s = at("create");
  s.on(Kind::kCancel);
  EXPECT_EQ(s.answer(404, kNothing).said(), "wait poll");
  auto late = s;
  EXPECT_EQ(late.timer().answer(200, job("RUNNING")).said(), "cancel");
  for (int i = 0; i < 200 && s.said() != "delete"; ++i) s.timer().answer(404, kNothing);
  EXPECT_GE(s.now, at("new").now + minutes(10));
  EXPECT_EQ(s.to_end().said(), "refused cancelled");
}

TEST(FireworksBatch, AJobThatIsGoneWithoutUsIsHeld) {
  EXPECT_EQ(at("poll").answer(404, kNothing).said(), "held not_found");
  EXPECT_EQ(at("poll").answer(403).said(), "held unauthenticated");
  EXPECT_EQ(at("poll").answer(500).said(), "wait poll");
  EXPECT_EQ(at("cancel").answer(403).said(), "held unauthenticated");
  EXPECT_EQ(at("cancel").answer(500).said(), "wait poll");
}

// --- Restarts, collecting, settling ---------------------------------------------------------------------------------

TEST(FireworksBatch, RestartAtEveryStep) {
  struct Case {
    std::string_view step, said;
  };
  for (const auto& [step, said] :
       {Case{"new", "dataset"}, Case{"dataset", "dataset"}, Case{"upload", "dataset state"},
        Case{"ready", "dataset state"}, Case{"create", "poll"}, Case{"wait poll", "wait poll"},
        Case{"poll", "poll"}, Case{"cancel", "cancel"}, Case{"locate", "locate"},
        Case{"collect", "locate"}, Case{"remove", "delete"}, Case{"done", "ended"}})
    EXPECT_EQ(at(step).on(Kind::kRestarted).said(), said) << step;
}

TEST(FireworksBatch, EventsThatDoNotFitAreOurBug) {
  for (const auto* step : {"new", "dataset", "wait poll", "collect"}) {
    auto s = at(step);
    s.on(std::string_view(step) == "collect" ? Kind::kTimer : Kind::kCollected);
    EXPECT_EQ(s.said(), "error") << step;
    EXPECT_EQ(s.result.error().kind, ErrorKind::kInternal);
  }
  Script broken;
  broken.last.state = R"({"v":2,"at":"poll"})";
  EXPECT_EQ(broken.on(Kind::kTimer).said(), "error");
  broken.last.state = "{";
  EXPECT_EQ(broken.on(Kind::kTimer).said(), "error");
}

TEST(FireworksBatch, AFileThatBreaksOffIsReadAgainByANewLink) {
  auto s = at("collect");
  s.on(Kind::kCollectFailed, {.kind = ErrorKind::kDeadlineExceeded, .message = "cut"});
  EXPECT_EQ(s.said(), "wait locate");
  EXPECT_EQ(s.timer().said(), "locate");
  EXPECT_EQ(s.answer(200, links()).said(), "collect BIJOutputSet.jsonl");
  for (int i = 0; i < 100 && s.said() == "collect BIJOutputSet.jsonl"; ++i) {
    s.on(Kind::kCollectFailed, {.kind = ErrorKind::kUnavailable, .message = "403"});
    if (s.said() == "wait locate") s.timer().answer(200, links());
  }
  EXPECT_EQ(s.said(), "held unavailable");
}

TEST(FireworksBatch, SettledByHand) {
  using How = provider::Settlement::How;
  auto held = at("poll");
  held.answer(404, kNothing);
  auto s = held;
  s.settle({.how = How::kAdopt, .provider_batch_id = "other-job"});
  EXPECT_EQ(s.target(), "/v1/accounts/acme/batchInferenceJobs/other-job");
  const auto other = [](std::string_view state) {
    return fmt::format(R"({{"name":"accounts/acme/batchInferenceJobs/other-job","state":)"
                       R"("JOB_STATE_{}","outputDatasetId":"accounts/acme/datasets/o"}})",
                       state);
  };
  s.answer(200, other("COMPLETED"));
  EXPECT_EQ(s.answer(200, links()).said(), "collect BIJOutputSet.jsonl");
  auto wrong = s;
  wrong.on(Kind::kCollectFailed, {.kind = ErrorKind::kNotFound, .message = "not ours"});
  EXPECT_EQ(wrong.said(), "held invalid_argument");
  s.on(Kind::kCollected).answer(200, links()).on(Kind::kCollected);
  EXPECT_EQ(s.target(), "/v1/accounts/acme/datasets/" + kJob + "-in");
  EXPECT_EQ(s.answer(200).said(), "ended");  // what a human named keeps its results
  auto none = held;
  EXPECT_EQ(none.settle({.how = How::kNotMade}).to_end().said(), "refused cancelled");
  auto lost = held;
  EXPECT_EQ(lost.settle({.how = How::kLost}).said(), "ended");
}

TEST(FireworksBatch, WhatCannotBeDeletedStays) {
  auto s = at("remove");
  EXPECT_EQ(s.to_end(500).said(), "ended");
  EXPECT_NE(s.reasons.find("could not be deleted"), std::string::npos);
}

TEST(FireworksBatch, AnAnswerChoosesNoPath) {
  auto s = at("create");
  s.answer(200,
           R"({"name":"accounts/acme/batchInferenceJobs/../../x?y","state":"JOB_STATE_RUNNING"})");
  EXPECT_EQ(s.said(), "poll");  // unreadable
  EXPECT_EQ(s.target(), "/v1/accounts/acme/batchInferenceJobs/" + kJob);
}

}  // namespace
}  // namespace weir::providers::fireworks
