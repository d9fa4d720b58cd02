// The batch machine as scripts of events.
#include "providers/cohere/batch_script.h"

namespace weir::providers::cohere {
namespace {

std::string body_of(const http::RequestPlan& plan) { return std::get<std::string>(plan.body[0]); }
std::string listed(std::string_view batches, std::string_view more = "") {
  return fmt::format(R"({{"batches":[{}]{}}})", batches, more);
}

TEST(CohereBatch, FromUploadToTheLastPart) {
  Script s;
  s.start();
  EXPECT_EQ(s.target(),
            "/v1/datasets?name=" + kName + "&type=batch-chat-v2-input&keep_fields=custom_id");
  EXPECT_EQ(s.plan().body[1], http::BodyPiece(http::ImageSlice{0, 777}));
  EXPECT_NE(body_of(s.plan()).find("name=\"data\"; filename=\"" + kName + ".jsonl\""),
            std::string::npos);
  EXPECT_EQ(s.answer(200, R"({"id":")" + kInput + "\"}").target(), "/v1/datasets/" + kInput);
  EXPECT_EQ(s.answer(200, dataset("queued")).said(), "wait ready");
  EXPECT_EQ(s.timer().answer(200, dataset("processing")).said(), "wait ready");
  s.timer().answer(200, dataset("validated"));
  EXPECT_EQ(s.target(), "/v2/batches");
  EXPECT_EQ(body_of(s.plan()), R"({"name":")" + kName + R"(","input_dataset_id":")" + kInput +
                                   R"(","model":"command-r7b-12-2024"})");
  EXPECT_EQ(s.answer(200, one("QUEUED")).said(), "wait poll");
  EXPECT_EQ(s.last.view.provider_batch_id, kBatch);
  EXPECT_EQ(s.last.view.created_at, parse_rfc3339("2026-11-23T12:00:00.5Z"));
  EXPECT_EQ(s.timer().target(), "/v2/batches/" + kBatch);
  s.answer(200, one("IN_PROGRESS", R"(,"num_successful_records":1.0,"num_failed_records":1)"));
  EXPECT_EQ(s.last.view.done, 2U);
  EXPECT_EQ(s.last.view.status, "IN_PROGRESS");
  s.timer().answer(200, with_output("COMPLETED"));
  EXPECT_EQ(s.last.view.ended_at, parse_rfc3339("2026-11-23T13:00:00Z"));
  EXPECT_EQ(s.target(), "/v1/datasets/" + kOutput);
  EXPECT_EQ(s.answer(200, dataset("processing")).said(), "wait locate");
  EXPECT_EQ(s.timer().answer(200, parts()).said(), "collect part-0");
  EXPECT_TRUE(std::get<provider::Collect>(s.last.action).avro);
  EXPECT_EQ(s.plan().origin, (http::Origin{true, "storage.googleapis.com", 443}));
  EXPECT_EQ(s.target(), "/b/0?X-Goog-Signature=hush");
  EXPECT_EQ(s.plan().headers.size(), 0U);              // no key away from home
  EXPECT_EQ(s.on(Kind::kCollected).said(), "locate");  // a link lives an hour
  EXPECT_EQ(s.answer(200, parts()).said(), "collect part-1");
  EXPECT_EQ(s.target(), "/b/1?X-Goog-Signature=hush");
  EXPECT_EQ(s.on(Kind::kCollected).target(), "/v1/datasets/" + kInput);
  EXPECT_EQ(s.plan().method, http::Method::kDelete);
  EXPECT_EQ(s.answer(200).target(), "/v1/datasets/" + kOutput);
  EXPECT_EQ(s.answer(404, kNothing).said(), "ended");
}

TEST(CohereBatch, LinksLeadOnlyWhereTheyMay) {
  for (const auto* host : {"https://evil.example", "http://storage.googleapis.com",
                           "http://169.254.169.254", "https://api.cohere.com.evil.example"}) {
    auto s = at("locate");
    EXPECT_EQ(s.answer(200, parts(host)).said(), "held bad_response") << host;
    EXPECT_EQ(s.reasons.find("hush"), std::string::npos);
  }
}

TEST(CohereBatch, AnUploadIsRepeatedAndRefusedInTheEnd) {
  auto s = at("upload");
  EXPECT_EQ(s.lost().said(), "wait upload");
  EXPECT_EQ(s.timer().answer(503).said(), "wait upload");
  EXPECT_EQ(s.timer().answer(200, "{}").said(), "wait upload");  // no id
  EXPECT_EQ(s.timer().answer(200, R"({"id":"../x"})").said(), "wait upload");
  EXPECT_EQ(s.timer().on(Kind::kRestarted).said(), "upload");
  EXPECT_EQ(s.answer(401).said(), "refused unauthenticated");
  auto never = at("upload");
  for (int i = 0; i < 20 && never.said() != "refused unavailable"; ++i) never.answer(500).timer();
  EXPECT_EQ(never.said(), "refused unavailable");
}

TEST(CohereBatch, ADatasetThatIsNotValidIsRefusedAndDeleted) {
  auto s = at("ready");
  s.answer(200, dataset("failed", R"~(,"validation_error":"unknown field body.x (line: 1)")~"));
  EXPECT_EQ(s.target(), "/v1/datasets/" + kInput);
  EXPECT_EQ(s.to_end().said(), "refused invalid_argument");
  EXPECT_NE(s.error().message.find("unknown field body.x"), std::string::npos);
  // One just made may not be everywhere yet.
  auto late = at("ready");
  EXPECT_EQ(late.answer(404, kNothing).said(), "wait ready");
  EXPECT_EQ(late.timer().answer(200, dataset("validated")).said(), "create");
}

TEST(CohereBatch, ACreateIsRepeatedOnlyWhenItSurelyWasNotMade) {
  EXPECT_EQ(at("create").on(Kind::kNotSent).said(), "wait create");
  EXPECT_EQ(at("create").answer(429).said(), "wait create");
  EXPECT_EQ(at("create").on(Kind::kNotSent).timer().said(), "create");
  for (const int status : {408, 409, 499, 500, 503})
    EXPECT_EQ(at("create").answer(status).said(), "list") << status;
  EXPECT_EQ(at("create").lost().said(), "list");
  EXPECT_EQ(at("create").answer(200, "{}").said(), "list");
  EXPECT_EQ(at("create").on(Kind::kRestarted).said(), "list");
  for (const int status : {400, 402, 404, 422}) {
    auto s = at("create");
    s.answer(status).to_end();
    EXPECT_TRUE(s.said().starts_with("refused")) << status;
  }
}

TEST(CohereBatch, ALostCreateIsFoundByItsName) {
  auto s = at("list");
  EXPECT_EQ(s.target(), "/v2/batches?page_size=1000&order_by=created_at");
  s.answer(200, listed(batch("COMPLETED", "", "other", "weir-w9"), R"(,"next_page_token":"p/2")"));
  EXPECT_EQ(s.target(), "/v2/batches?page_size=1000&order_by=created_at&page_token=p%2F2");
  EXPECT_EQ(s.answer(200, listed(batch("IN_PROGRESS"))).said(), "poll");
  EXPECT_EQ(s.target(), "/v2/batches/" + kBatch);
  EXPECT_NE(s.reasons.find("adopted"), std::string::npos);
}

TEST(CohereBatch, OneThatIsNotListedForLongWasNotMade) {
  auto s = at("list");
  const auto before = s.now;
  for (int i = 0; i < 100 && s.said() != "create"; ++i) {
    EXPECT_EQ(s.answer(200, "{}").said().substr(0, 4),
              s.now < before + minutes(10) ? "wait" : "crea");
    if (s.said() == "wait list") s.timer();
  }
  EXPECT_EQ(s.said(), "create");
  EXPECT_GE(s.now, before + minutes(10));
  EXPECT_EQ(s.answer(200, one("QUEUED")).said(), "wait poll");
}

TEST(CohereBatch, TwoOfOneNameAreHeld) {
  auto s = at("list");
  s.answer(200, listed(batch("QUEUED") + "," + batch("QUEUED", "", "second")));
  EXPECT_EQ(s.said(), "held bad_response");
  EXPECT_NE(s.error().message.find("second"), std::string::npos);
  EXPECT_EQ(s.settle({.provider_batch_id = "second"}).target(), "/v2/batches/second");
}

TEST(CohereBatch, AListThatCannotBeReadIsAskedForAgain) {
  auto s = at("list");
  EXPECT_EQ(s.answer(500).said(), "wait list");
  EXPECT_EQ(s.timer().lost().said(), "wait list");
  EXPECT_EQ(s.timer().answer(401).said(), "held unauthenticated");
  auto endless = at("list");
  for (int i = 0; i < 2000 && endless.said() == "list"; ++i)
    endless.answer(200, listed("", fmt::format(R"(,"next_page_token":"{}")", i)));
  EXPECT_EQ(endless.said(), "held bad_response");
}

// Every end is looked at; what it left is read.
TEST(CohereBatch, StatesAndEnds) {
  for (const auto* word : {"UNSPECIFIED", "QUEUED", "IN_PROGRESS", "CANCELING", "SOMETHING_NEW"})
    EXPECT_EQ(at("poll").answer(200, one(word)).said(), "wait poll") << word;
  for (const auto* word : {"COMPLETED", "FAILED", "CANCELED", "CANCELLED"})
    EXPECT_EQ(at("poll").answer(200, with_output(word)).said(), "locate") << word;
  auto failed = at("poll");
  failed.answer(200, one("FAILED", R"(,"status_reason":"internal error")")).to_end();
  EXPECT_EQ(failed.said(), "refused unavailable");
  EXPECT_NE(failed.error().message.find("internal error"), std::string::npos);
  auto bad = at("poll");
  bad.answer(200, one("FAILED", R"(,"status_reason":"invalid request: no")")).to_end();
  EXPECT_EQ(bad.said(), "refused invalid_argument");
  EXPECT_EQ(at("poll").answer(200, one("CANCELED")).to_end().said(), "ended");
  // Rows of a failed one make it one that ended.
  auto partly = at("poll");
  partly.answer(200, with_output("FAILED")).answer(200, parts()).on(Kind::kCollected);
  EXPECT_EQ(partly.answer(200, parts()).on(Kind::kCollected).to_end().said(), "ended");
}

TEST(CohereBatch, ResultsThatDoNotComeAreHeld) {
  auto s = at("poll");
  for (int i = 0; i < 20 && s.said() != "held not_found"; ++i) {
    s.answer(200, one("COMPLETED", R"(,"num_successful_records":3)"));
    if (s.said() == "wait poll") s.timer();
  }
  EXPECT_EQ(s.said(), "held not_found");
  auto none = at("poll");
  for (int i = 0; i < 20 && none.said() != "delete"; ++i) {
    none.answer(200, one("COMPLETED", R"(,"num_successful_records":0)"));
    if (none.said() == "wait poll") none.timer();
  }
  EXPECT_EQ(none.to_end().said(), "ended");
}

TEST(CohereBatch, AnUnknownBatchIsHeld) {
  auto s = at("poll");
  for (int i = 0; i < 20 && s.said() != "held not_found"; ++i) s.answer(404, kNothing).timer();
  EXPECT_EQ(s.said(), "held not_found");
  EXPECT_EQ(at("poll").answer(403).said(), "held unauthenticated");
  EXPECT_EQ(at("poll").answer(200, "nonsense").said(), "wait poll");
}

TEST(CohereBatch, CancelAtEveryStep) {
  for (const auto* step : {"new", "upload", "ready"}) {
    auto s = at(step);
    s.on(Kind::kCancel).to_end();
    EXPECT_EQ(s.said(), "refused cancelled") << step;
  }
  EXPECT_EQ(at("create").on(Kind::kCancel).said(), "list");
  EXPECT_EQ(at("create").on(Kind::kNotSent).on(Kind::kCancel).to_end().said(), "refused cancelled");
  auto unknown = at("list");
  EXPECT_EQ(unknown.on(Kind::kCancel).answer(200, listed(batch("QUEUED"))).said(), "poll");
  EXPECT_EQ(unknown.answer(200, one("QUEUED")).said(), "cancel");
  auto never = at("list");
  never.on(Kind::kCancel);
  for (int i = 0; i < 100 && never.said() != "delete"; ++i) never.answer(200, "{}").timer();
  EXPECT_EQ(never.to_end().said(), "refused cancelled");
  for (const auto* step : {"wait poll", "poll"}) {
    auto s = at(step);
    EXPECT_EQ(s.on(Kind::kCancel).said(), "cancel") << step;
    EXPECT_EQ(s.target(), "/v2/batches/" + kBatch + ":cancel");
    EXPECT_EQ(s.answer(200).said(), "wait poll");
    EXPECT_EQ(s.timer().answer(200, one("CANCELING")).said(), "wait poll");
    EXPECT_EQ(s.timer().answer(200, with_output("CANCELED")).said(), "locate");
  }
  // It had ended in the meantime.
  auto late = at("cancel");
  EXPECT_EQ(late.answer(400).timer().answer(200, with_output("COMPLETED")).said(), "locate");
  EXPECT_EQ(at("cancel").answer(500).timer().answer(200, one("IN_PROGRESS")).said(), "cancel");
  for (const auto* step : {"locate", "collect"})
    EXPECT_EQ(at(step).on(Kind::kCancel).said(), "locate") << step;
  EXPECT_EQ(at("remove").on(Kind::kCancel).said(), "delete");
}

TEST(CohereBatch, RestartAtEveryStep) {
  for (const auto& [step, next] :
       {std::pair("new", "upload"), std::pair("upload", "upload"),
        std::pair("ready", "dataset state"), std::pair("create", "list"), std::pair("list", "list"),
        std::pair("wait poll", "wait poll"), std::pair("poll", "poll"),
        std::pair("cancel", "cancel"), std::pair("locate", "locate"),
        std::pair("collect", "locate"), std::pair("remove", "delete"), std::pair("done", "ended")})
    EXPECT_EQ(at(step).on(Kind::kRestarted).said(), next) << step;
}

TEST(CohereBatch, APartThatBreaksOffIsAskedForAgain) {
  auto s = at("collect");
  for (int i = 0; i < 30 && s.said() != "held bad_response"; ++i) {
    s.on(Kind::kCollectFailed, {.kind = ErrorKind::kBadResponse, .message = "it breaks off"});
    if (s.said() == "wait locate") s.timer().answer(200, parts());
  }
  EXPECT_EQ(s.said(), "held bad_response");
  EXPECT_NE(s.error().message.find("part-0"), std::string::npos);
}

TEST(CohereBatch, SettledByHand) {
  using How = provider::Settlement::How;
  auto s = at("list");
  EXPECT_EQ(s.settle({.how = How::kLost}).said(), "ended");
  EXPECT_EQ(at("list").settle({.how = How::kNotMade}).to_end().said(), "refused cancelled");
  auto other = at("poll");
  other.settle({.how = How::kAdopt, .provider_batch_id = "mine"});
  EXPECT_EQ(other.target(), "/v2/batches/mine");
  other.answer(200, fmt::format(R"({{"batch":{}}})",
                                batch("COMPLETED", R"(,"output_dataset_id":"out")", "mine")));
  other.answer(200, parts());
  EXPECT_EQ(
      other.on(Kind::kCollectFailed, {.kind = ErrorKind::kNotFound, .message = "not ours"}).said(),
      "held invalid_argument");
}

TEST(CohereBatch, EventsThatDoNotFitAreOurBugs) {
  EXPECT_EQ(at("new").answer(200).said(), "error");
  EXPECT_EQ(at("poll").on(Kind::kCollected).said(), "error");
  EXPECT_EQ(at("poll").on(Kind::kTimer).said(), "error");
  EXPECT_EQ(at("wait poll").answer(200).said(), "error");
  Script s;
  for (const auto* state : {"x", R"({"v":9,"at":"poll"})", R"({"v":1,"at":"nowhere"})"}) {
    s.last.state = state;
    EXPECT_EQ(s.on(Kind::kRestarted).said(), "error");
    EXPECT_EQ(s.result.error().kind, ErrorKind::kInternal);
  }
}

}  // namespace
}  // namespace weir::providers::cohere
