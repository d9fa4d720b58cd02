// The batch machine as scripts of events.
#include <gmock/gmock.h>

#include "providers/bedrock/batch_script.h"

namespace weir::providers::bedrock {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kSteps[] = {"new",  "upload", "create", "find",    "wait poll",
                                       "poll", "stop",   "list",   "collect", "delete"};

TEST(BedrockBatch, TheStraightWay) {
  Script s;
  s.start();
  EXPECT_EQ(s.said(), "upload");
  EXPECT_EQ(s.plan().method, http::Method::kPut);
  EXPECT_EQ(s.where(),
            "https://s3.us-east-1.amazonaws.com/jobs/some%20where/" + kName + "/input.jsonl");
  EXPECT_TRUE(s.plan().origin_is_known);
  EXPECT_EQ(s.plan().headers.find("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(std::get<http::ImageSlice>(s.plan().body.at(0)), (http::ImageSlice{0, 777}));
  s.answer(200);
  EXPECT_EQ(s.said(), "create");
  EXPECT_EQ(s.where(), "https://bedrock.us-east-1.amazonaws.com/model-invocation-job");
  EXPECT_THAT(std::string(s.plan().headers.find("authorization").value()),
              HasSubstr("/us-east-1/bedrock/aws4_request"));
  EXPECT_EQ(
      s.body(),
      R"({"clientRequestToken":"weir-w0000000000000001","inputDataConfig":{"s3InputDataConfig":{"s3InputFormat":"JSONL",)"
      R"("s3Uri":"s3://jobs/some where/weir-w0000000000000001/input.jsonl"}},"jobName":"weir-w0000000000000001",)"
      R"("modelId":"us.anthropic.claude-opus-5","modelInvocationType":"Converse","outputDataConfig":{"s3OutputDataConfig":)"
      R"({"s3Uri":"s3://jobs/some where/weir-w0000000000000001/output/"}},"roleArn":"arn:aws:iam::1:role/batch",)"
      R"("timeoutDurationInHours":24})");
  s.answer(200, fmt::format(R"({{"jobArn":"{}"}})", kArn));
  EXPECT_EQ(s.said(), "wait poll");
  EXPECT_EQ(s.last.view.provider_batch_id, "abc123");
  s.timer();
  EXPECT_EQ(s.where(), "https://bedrock.us-east-1.amazonaws.com/model-invocation-job/abc123");
  for (const auto* status :
       {"Submitted", "Validating", "Scheduled", "InProgress", "SomethingNew"}) {
    s.answer(200, job(status, R"(,"processedRecordCount":7)"));
    EXPECT_EQ(s.said(), "wait poll") << status;
    EXPECT_EQ(s.last.view.status, status);
    EXPECT_EQ(s.last.view.done, 7U);
    EXPECT_EQ(s.last.view.created_at, kNow + seconds(1));
    s.timer();
  }
  s.answer(200, job("Completed", R"(,"endTime":"2026-11-23T13:00:00Z")"));
  EXPECT_EQ(s.said(), "list");
  EXPECT_EQ(s.last.view.ended_at, kNow + minutes(60));
  EXPECT_THAT(s.where(), StartsWith("https://s3.us-east-1.amazonaws.com/jobs?list-type=2&"));
  EXPECT_THAT(s.where(),
              HasSubstr("prefix=some%20where%2Fweir-w0000000000000001%2Foutput%2Fabc123%2F"));
  s.answer(200, results());
  EXPECT_EQ(s.said(), "collect input.jsonl.out");
  EXPECT_THAT(s.where(), ::testing::EndsWith("/output/abc123/input.jsonl.out"));
  s.on(Kind::kCollected);
  std::vector<std::string> deleted;
  while (s.said() == "delete") {
    EXPECT_EQ(s.plan().method, http::Method::kDelete);
    deleted.push_back(s.where().substr(s.where().rfind('/') + 1));
    s.answer(204);
  }
  EXPECT_EQ(deleted,
            (std::vector<std::string>{"input.jsonl", "input.jsonl.out", "manifest.json.out"}));
  EXPECT_EQ(s.said(), "ended");
}

TEST(BedrockBatch, AConfiguredEndpointStandsForAllServices) {
  Script s;
  s.credentials.origin = {.tls = false, .host = "127.0.0.1", .port = 8080};
  s.credentials.base_path = "/bedrock";
  s.start();
  EXPECT_EQ(s.where(), "/bedrock/jobs/some%20where/" + kName + "/input.jsonl");
  EXPECT_FALSE(s.plan().origin_is_known);
  s.answer(200);
  EXPECT_EQ(s.where(), "/bedrock/model-invocation-job");
}

TEST(BedrockBatch, WithoutWhatItNeedsNothingIsSent) {
  for (const std::string_view missing : {kRegion, kKeyId, kSecret, kBucket, kRole}) {
    Script s;
    provider::Settings settings;
    for (const auto& setting : s.credentials.settings.all())
      if (setting.name != missing) settings.set(setting.name, setting.value, setting.secret);
    s.credentials.settings = settings;
    EXPECT_EQ(s.start().said(), "refused unsupported") << missing;
    EXPECT_THAT(s.message(), HasSubstr(missing));
  }
  Script s;
  s.credentials.settings.set("bucket", "s3://../x");
  EXPECT_EQ(s.start().said(), "refused unsupported");
}

TEST(BedrockBatch, AnUploadIsSafeToRepeat) {
  auto s = at("upload");
  s.lost();
  EXPECT_EQ(s.said(), "wait upload");
  s.timer().answer(503, "<Error><Code>SlowDown</Code></Error>").timer();
  EXPECT_EQ(s.said(), "upload");
  s.on(Kind::kRestarted);
  EXPECT_EQ(s.said(), "upload");
  EXPECT_EQ(s.answer(200).said(), "create");
  s = at("upload");
  for (int i = 0; i < 20 && s.lost().said() == "wait upload"; ++i) s.timer();
  EXPECT_EQ(s.to_end().said(), "refused deadline_exceeded");
  s = at("upload");
  EXPECT_EQ(s.answer(404, "<Error><Code>NoSuchBucket</Code></Error>").to_end().said(),
            "refused not_found");
}

TEST(BedrockBatch, ALostCreateIsFoundByItsName) {
  for (const auto& lose : {std::function<void(Script&)>([](Script& s) { s.lost(); }),
                           std::function<void(Script&)>([](Script& s) { s.answer(500); }),
                           std::function<void(Script&)>([](Script& s) { s.answer(200, "{}"); }),
                           std::function<void(Script&)>([](Script& s) { s.on(Kind::kRestarted); }),
                           std::function<void(Script&)>([](Script& s) {
                             s.answer(400, "{}", named("ConflictException"));
                           })}) {
    auto s = at("create");
    lose(s);
    EXPECT_EQ(s.said(), "find");
    EXPECT_EQ(s.where(),
              "https://bedrock.us-east-1.amazonaws.com/model-invocation-jobs?maxResults=100&"
              "nameContains=weir-w0000000000000001");
    s.answer(200, jobs(job("InProgress")));
    EXPECT_EQ(s.said(), "wait poll");
    EXPECT_EQ(s.last.view.provider_batch_id, "abc123");
    EXPECT_THAT(s.reasons, HasSubstr("adopted abc123"));
  }
}

TEST(BedrockBatch, ACreateThatIsNotFoundIsTheSameAgain) {
  auto s = at("create");
  const auto first = s.body();
  s.lost();
  s.answer(503);
  EXPECT_EQ(s.said(), "wait find");
  s.timer();
  // One whose name only begins alike is another's.
  s.answer(200,
           jobs(R"({"jobArn":"a/b","jobName":"weir-w00000000000000012","status":"InProgress"})"));
  EXPECT_EQ(s.said(), "create");
  EXPECT_EQ(s.body(), first);
  for (int i = 0; i < 100 && s.said() != "delete"; ++i) s.lost().answer(200, jobs());
  EXPECT_EQ(s.to_end().said(), "refused unavailable");
}

TEST(BedrockBatch, WhatRefusesACreate) {
  const auto refused = [](int status, std::string name) {
    return at("create")
        .answer(status, R"({"message":"why"})", named(std::move(name)))
        .to_end()
        .said();
  };
  EXPECT_EQ(refused(400, "ValidationException"), "refused invalid_argument");
  EXPECT_EQ(refused(403, "AccessDeniedException"), "refused unauthenticated");
  EXPECT_EQ(refused(404, "ResourceNotFoundException"), "refused not_found");
  auto s = at("create");
  s.answer(400, "{}", named("ServiceQuotaExceededException"));  // others must end first
  EXPECT_EQ(s.said(), "wait create");
  EXPECT_EQ(s.timer().said(), "create");
  s.answer(429, "{}", named("ThrottlingException"));
  EXPECT_EQ(s.said(), "wait create");
  s.timer().on(Kind::kNotSent, {.message = "no route"});
  EXPECT_EQ(s.said(), "wait create");
}

TEST(BedrockBatch, AFailedJobIsRefusedWithItsReason) {
  auto s = at("poll");
  s.answer(200, job("Failed", R"(,"message":"contains less than 100 records")"));
  EXPECT_EQ(s.said(), "list");
  s.answer(200, objects({}));
  EXPECT_EQ(s.to_end().said(), "refused unavailable");
  EXPECT_THAT(s.message(), HasSubstr("less than 100"));
  // What it had done all the same may be paid, so it is read.
  s = at("poll");
  s.answer(200, job("Failed")).answer(200, results());
  EXPECT_EQ(s.said(), "collect input.jsonl.out");
  EXPECT_EQ(s.on(Kind::kCollected).to_end().said(), "ended");
}

TEST(BedrockBatch, EveryEndIsRead) {
  for (const auto* status : {"Completed", "PartiallyCompleted", "Expired", "Stopped"}) {
    auto s = at("poll");
    s.answer(200, job(status)).answer(200, results());
    EXPECT_EQ(s.said(), "collect input.jsonl.out") << status;
    s.on(Kind::kCollected).to_end();
    EXPECT_EQ(s.said(), "ended");
  }
  for (const auto* status : {"Expired", "Stopped"}) {
    auto s = at("poll");
    s.answer(200, job(status)).answer(200, objects({}));
    EXPECT_EQ(s.to_end().said(), "ended") << status;
  }
}

TEST(BedrockBatch, ResultsThatMustComeAreWaitedForThenHeld) {
  auto s = at("list");
  for (int i = 0; i < 20 && s.said() == "list"; ++i) {
    s.answer(200, objects({kFolder + "manifest.json.out"}));
    if (s.said() == "wait list") s.timer();
  }
  EXPECT_EQ(s.said(), "held not_found");
  s = at("list");
  s.answer(200, "<html>").timer().answer(500).timer();
  EXPECT_EQ(s.said(), "list");
  EXPECT_EQ(s.answer(403, "<Error><Code>AccessDenied</Code></Error>").said(),
            "held unauthenticated");
}

TEST(BedrockBatch, AListMustNotLeadElsewhere) {
  auto s = at("list");
  s.answer(200, objects({"other/input.jsonl.out", kFolder, kFolder + "../../x.jsonl.out",
                         kFolder + "input.jsonl.out"}));
  EXPECT_EQ(s.said(), "collect input.jsonl.out");
  s.on(Kind::kCollected);
  int deleted = 0;
  for (; s.said() == "delete"; ++deleted) {
    EXPECT_THAT(s.where(), HasSubstr("/jobs/some%20where/" + kName + "/"));
    s.answer(204);
  }
  EXPECT_EQ(deleted, 2);
}

TEST(BedrockBatch, CollectingIsTriedAgainAndBounded) {
  auto s = at("collect");
  s.on(Kind::kCollectFailed, {.kind = ErrorKind::kUnavailable, .message = "cut"});
  EXPECT_EQ(s.said(), "wait collect");
  const auto signed_at = kNow;
  s.timer();
  EXPECT_EQ(s.said(), "collect input.jsonl.out");
  EXPECT_GT(s.now, signed_at);  // signed anew, with the time that it is
  for (int i = 0; i < 50 && s.said() != "held unavailable"; ++i)
    s.on(Kind::kCollectFailed, {.kind = ErrorKind::kUnavailable, .message = "cut"}).timer();
  EXPECT_EQ(s.said(), "held unavailable");
}

TEST(BedrockBatch, CancelledAtEveryStep) {
  const std::pair<std::string_view, std::string_view> led[] = {
      {"new", "delete"},   {"upload", "delete"},  {"create", "find"},
      {"find", "find"},    {"wait poll", "stop"}, {"poll", "stop"},
      {"stop", "stop"},    {"list", "list"},      {"collect", "collect input.jsonl.out"},
      {"delete", "delete"}};
  for (const auto& [step, then] : led) {
    auto s = at(step);
    EXPECT_EQ(s.on(Kind::kCancel).said(), then) << step;
  }
  EXPECT_EQ(at("upload").on(Kind::kCancel).to_end().said(), "refused cancelled");
}

TEST(BedrockBatch, AStoppedJobKeepsItsResults) {
  auto s = at("stop");
  EXPECT_EQ(s.where(), "https://bedrock.us-east-1.amazonaws.com/model-invocation-job/abc123/stop");
  s.answer(200);
  EXPECT_EQ(s.said(), "wait poll");
  s.timer().answer(200, job("Stopping"));
  EXPECT_EQ(s.said(), "wait poll");
  s.on(Kind::kCancel);
  EXPECT_EQ(s.said(), "poll");  // it was told already
  s.answer(200, job("Stopped")).answer(200, results());
  EXPECT_EQ(s.said(), "collect input.jsonl.out");
  s = at("stop");
  s.answer(400, "{}", named("ConflictException"));  // it had ended
  EXPECT_EQ(s.said(), "wait poll");
  EXPECT_EQ(at("stop").answer(403, "{}", named("AccessDeniedException")).said(),
            "held unauthenticated");
}

TEST(BedrockBatch, ACancelledCreateThatIsUnknownMustNotRunUnseen) {
  auto s = at("create");
  s.on(Kind::kCancel).answer(200, jobs());
  EXPECT_EQ(s.said(), "wait find");
  for (int i = 0; i < 100 && s.said() == "wait find"; ++i) s.timer().answer(200, jobs());
  EXPECT_EQ(s.to_end().said(), "refused cancelled");
  EXPECT_GE(s.now, kNow + minutes(10));
  s = at("create");
  s.on(Kind::kCancel).answer(200, jobs(job("InProgress")));
  EXPECT_EQ(s.said(), "stop");
}

TEST(BedrockBatch, RestartedAtEveryStep) {
  for (const auto step : kSteps) {
    auto s = at(step);
    const auto before = s.said();
    s.on(Kind::kRestarted);
    if (step == "new") EXPECT_EQ(s.said(), "upload");
    else EXPECT_EQ(s.said(), step == "create" ? "find" : before) << step;
  }
  auto s = at("wait poll");  // a restart does not shorten a wait
  s.now += seconds(4);
  s.on(Kind::kRestarted);
  EXPECT_EQ(std::get<provider::Wait>(s.last.action).duration, seconds(6));
}

TEST(BedrockBatch, AWrongKeyOrAccountIsHeld) {
  auto s = at("poll");
  EXPECT_EQ(s.answer(403, "{}", named("ExpiredTokenException")).said(), "held unauthenticated");
  s = at("poll");
  EXPECT_EQ(s.answer(404, "{}", named("ResourceNotFoundException")).said(), "held not_found");
  s = at("poll");
  s.answer(200, R"({"jobArn":"x/other","status":"Completed"})");
  EXPECT_EQ(s.said(), "wait poll");  // an answer about another job is none
}

TEST(BedrockBatch, SettledByHand) {
  auto s = at("poll");
  s.answer(403, "{}", named("ExpiredTokenException"));
  using How = provider::Settlement::How;
  auto adopted = s;
  adopted.settle({.how = How::kAdopt, .provider_batch_id = "arn:aws:bedrock:eu:1:x/other9"});
  EXPECT_EQ(adopted.said(), "poll");
  EXPECT_THAT(adopted.where(), HasSubstr("/model-invocation-job/other9"));
  const auto other = [](std::string_view bucket) {
    return fmt::format(
        R"({{"jobArn":"x/other9","status":"Completed","outputDataConfig":{{"s3OutputDataConfig":{{"s3Uri":"s3://{}/there"}}}}}})",
        bucket);
  };
  auto elsewhere = adopted;
  EXPECT_EQ(elsewhere.answer(200, other("theirs")).said(), "held invalid_argument");
  adopted.answer(200, other("jobs"));
  EXPECT_THAT(adopted.where(), HasSubstr("prefix=there%2Fother9%2F"));
  adopted.answer(200, objects({"there/other9/a.jsonl.out"}));
  EXPECT_EQ(adopted.said(), "collect a.jsonl.out");
  auto strange = adopted;
  strange.on(Kind::kCollectFailed, {.kind = ErrorKind::kNotFound});
  EXPECT_EQ(strange.said(), "held invalid_argument");
  EXPECT_EQ(adopted.on(Kind::kCollected).said(), "ended");  // nothing of it is deleted
  auto lost = s;
  EXPECT_EQ(lost.settle({.how = How::kLost}).said(), "ended");
  EXPECT_EQ(s.settle({.how = How::kNotMade}).to_end().said(), "refused cancelled");
}

TEST(BedrockBatch, EventsThatDoNotFitAreOurBug) {
  const std::pair<std::string_view, Kind> misfits[] = {
      {"new", Kind::kTimer},      {"upload", Kind::kTimer},   {"wait poll", Kind::kAnswer},
      {"poll", Kind::kCollected}, {"collect", Kind::kAnswer}, {"upload", Kind::kStart}};
  for (const auto& [step, kind] : misfits) {
    auto s = at(step);
    s.on(kind);
    EXPECT_EQ(s.said(), "error") << step;
    EXPECT_EQ(s.result.error().kind, ErrorKind::kInternal);
  }
  for (const std::string_view state :
       {"x", "{}", R"({"v":2,"at":"poll"})", R"({"v":1,"at":"nowhere"})"})
    EXPECT_EQ(read_state(state).error().kind, ErrorKind::kInternal) << state;
}

TEST(BedrockBatch, TheStateIsReadAsItWasWritten) {
  State state{.at = At::kCollect,
              .waiting = true,
              .until = kNow,
              .tries = 3,
              .creates = 2,
              .unsure = kNow,
              .cancel = true,
              .stopping = true,
              .by_hand = true,
              .job = "abc",
              .status = "Completed",
              .folder = "f/",
              .created = kNow,
              .ended = kNow,
              .done = 9,
              .objects = {"f/a", "f/b"},
              .object = 1,
              .removed = 1,
              .outcome = Outcome::kHeld,
              .error = Error{.kind = ErrorKind::kNotFound, .message = "m", .hint = "h"}};
  const auto text = write_state(state);
  EXPECT_EQ(write_state(read_state(text).value()), text);
  EXPECT_EQ(read_state(text)->objects, state.objects);
  EXPECT_EQ(read_state(text)->error->kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace weir::providers::bedrock
