// The batch machine as scripts of events, and every phase against every event.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "providers/anthropic/batch_script.h"

namespace weir::providers::anthropic {
namespace {

TEST(AnthropicBatch, TheWholeLife) {
  Script script;
  script.start();
  ASSERT_EQ(script.said(), "create");
  EXPECT_EQ(script.plan().method, http::Method::kPost);
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches");
  EXPECT_EQ(script.plan().headers.find("content-type"), "application/json");
  EXPECT_EQ(script.plan().headers.find("x-api-key"), "secret");
  ASSERT_EQ(script.plan().body.size(), 1U);
  EXPECT_EQ(std::get<http::ImageSlice>(script.plan().body[0]), (http::ImageSlice{0, 777}));

  script.answer(200, testdata("create.accepted.response.json"));
  EXPECT_EQ(script.waiting(), seconds(10));
  EXPECT_EQ(script.last.view.provider_batch_id, "msgbatch_01Own");
  EXPECT_EQ(script.last.view.status, "in_progress");
  EXPECT_EQ(script.last.view.created_at, parse_rfc3339("2026-11-23T12:00:01.25Z"));

  script.timer();
  EXPECT_EQ(script.said(), "poll");
  EXPECT_EQ(script.plan().method, http::Method::kGet);
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches/msgbatch_01Own");
  EXPECT_FALSE(script.plan().headers.find("content-type"));

  script.answer(200, testdata("poll.ended.response.json"));
  EXPECT_EQ(script.said(), "collect results");
  // results_url names another origin; it is not followed.
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches/msgbatch_01Own/results");
  EXPECT_EQ(script.last.view.status, "ended");
  EXPECT_EQ(script.last.view.ended_at, parse_rfc3339("2026-11-23T12:20:00Z"));

  script.on(Kind::kCollected);
  EXPECT_EQ(script.said(), "delete");
  EXPECT_EQ(script.plan().method, http::Method::kDelete);
  script.answer(200, R"({"id":"msgbatch_01Own","type":"message_batch_deleted"})");
  EXPECT_EQ(script.said(), "ended");
  EXPECT_EQ(script.last.view.provider_batch_id, "msgbatch_01Own");
}

TEST(AnthropicBatch, PollsGrowToTheLimitAndRetryAfterIsTheLeast) {
  Script script = created();
  std::vector<std::int64_t> waits;
  const std::string running = object("msgbatch_01Own", "in_progress", kStart);
  for (int i = 0; i < 13; ++i) {
    waits.push_back(std::chrono::floor<seconds>(script.waiting()).count());
    script.timer().answer(200, running);
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60, 60}));
  script.timer().answer(200, running, {{"retry-after", "10"}});
  EXPECT_EQ(script.waiting(), seconds(60));
  script.timer().answer(200, running, {{"retry-after", "90"}});
  EXPECT_EQ(script.waiting(), seconds(90));
}

TEST(AnthropicBatch, AnUnknownStatusRuns) {
  Script script = created();
  script.timer().answer(200, object("msgbatch_01Own", "reticulating", kStart));
  EXPECT_EQ(script.said(), "wait poll_wait");
  EXPECT_EQ(script.last.view.status, "reticulating");
}

// What each phase does with each event: "phase", then lines "events > what is done". Waits show the
// phase that they are in.
constexpr std::string_view kTable = R"(
new
start restarted > create
cancel > refused cancelled
200 garbage 400 404 429 500 lost not_sent timer collected > error
create
200 > wait poll_wait
garbage 408 409 500 503 504 529 lost restarted cancel > list
429 not_sent > wait create_wait
400 413 > refused invalid_argument
401 403 > refused unauthenticated
404 > refused not_found
timer collected start > error
create_wait
timer > create
restarted > wait create_wait
cancel > refused cancelled
200 garbage 400 404 429 500 lost not_sent collected start > error
list
200 garbage 408 409 429 500 504 529 lost not_sent > wait list_wait
400 413 > held invalid_argument
401 403 > held unauthenticated
404 > held not_found
restarted cancel > list
timer collected start > error
list_wait
timer cancel > list
restarted > wait list_wait
200 garbage 400 404 429 500 lost not_sent collected start > error
poll
200 garbage 408 409 429 500 504 529 lost not_sent > wait poll_wait
400 413 > held invalid_argument
401 403 > held unauthenticated
404 > held not_found
restarted > poll
cancel > cancel
timer collected start > error
poll_wait
timer > poll
cancel > cancel
restarted > wait poll_wait
200 garbage 400 404 429 500 lost not_sent collected start > error
cancel
200 garbage 400 401 403 404 408 409 429 500 529 lost not_sent > wait poll_wait
restarted cancel > cancel
timer collected start > error
collect
collected > delete
restarted cancel > collect results
200 garbage 400 404 429 500 lost not_sent timer start > error
collect_wait
timer cancel > collect results
restarted > wait collect_wait
200 garbage 400 404 429 500 lost not_sent collected start > error
delete
200 garbage 400 401 404 429 500 529 lost not_sent cancel > ended
restarted > delete
timer collected start > error
done
200 400 404 500 lost not_sent restarted cancel timer collected start > ended
)";

void feed(Script& script, const std::string& event) {
  if (event == "200") script.answer(200, object("msgbatch_01Own", "in_progress", kStart));
  else if (event == "garbage") script.answer(200, R"({"id":"msgbatch_)");
  else if (event == "lost") script.lost();
  else if (event == "not_sent") script.on(Kind::kNotSent, {.kind = ErrorKind::kUnavailable});
  else if (event == "restarted") script.on(Kind::kRestarted);
  else if (event == "cancel") script.on(Kind::kCancel);
  else if (event == "timer") script.on(Kind::kTimer);
  else if (event == "collected") script.on(Kind::kCollected);
  else if (event == "start") script.on(Kind::kStart);
  else script.answer(std::stoi(event), "");
}

TEST(AnthropicBatch, EveryPhaseAgainstEveryEvent) {
  std::istringstream table{std::string(kTable)};
  std::string phase, line, event;
  int cases = 0;
  while (std::getline(table, line)) {
    const auto mark = line.find(" > ");
    if (mark == std::string::npos) {
      phase = line;
      continue;
    }
    std::istringstream events(line.substr(0, mark));
    for (; events >> event; ++cases) {
      Script script = at(phase);
      const std::string before = script.last.state;
      EXPECT_TRUE(phase == "new" || script.phase() == phase) << phase;
      feed(script, event);
      EXPECT_EQ(script.said(), line.substr(mark + 3)) << phase << " + " << event;
      if (script.result) continue;
      EXPECT_EQ(script.result.error().kind, ErrorKind::kInternal);
      EXPECT_EQ(script.last.state, before);
    }
  }
  EXPECT_EQ(cases, 183);
}

TEST(AnthropicBatch, AStateOfAnotherProgramIsRefused) {
  for (const auto* state : {"x", "{}", R"({"v":2,"phase":"poll"})", R"({"v":1,"phase":"paint"})"}) {
    Script script;
    script.last.state = state;
    script.on(Kind::kRestarted);
    ASSERT_FALSE(script.result) << state;
    EXPECT_EQ(script.result.error().kind, ErrorKind::kInternal);
  }
}

TEST(AnthropicBatch, ARefusedCreateTellsWhy) {
  Script script;
  script.start().answer(400, testdata("create.refused.response.json"));
  const auto refused = [&] { return std::get<provider::Finished>(script.last.action); };
  EXPECT_EQ(refused().outcome, Outcome::kRefused);
  EXPECT_NE(refused().error.message.find("duplicate"), std::string::npos);
  EXPECT_EQ(refused().error.request_id, "req_011Refused");
  EXPECT_FALSE(refused().line);
  // The end is remembered.
  script.on(Kind::kRestarted);
  EXPECT_EQ(script.said(), "refused invalid_argument");
  EXPECT_NE(refused().error.message.find("duplicate"), std::string::npos);
  EXPECT_EQ(refused().error.http_status, 400);
}

TEST(AnthropicBatch, ARateLimitedCreateIsSentAgainWithinItsBound) {
  Script script;
  script.start();
  int creates = 0;
  while (script.said() == "create" && creates < 100) {
    ++creates;
    script.answer(429, testdata("sync.rate_limited.response.json"), {{"retry-after", "7"}});
    if (script.said() != "wait create_wait") break;
    EXPECT_EQ(script.waiting(), seconds(7));
    EXPECT_FALSE(script.last.reason.empty());
    script.timer();
  }
  EXPECT_EQ(creates, 20);
  EXPECT_EQ(script.said(), "refused rate_limited");
}

TEST(AnthropicBatch, ASpendLimitRefusesAtOnce) {
  Script script;
  script.start().answer(429, testdata("sync.spend_limit.response.json"));
  EXPECT_EQ(script.said(), "refused invalid_argument");
}

TEST(AnthropicBatch, AnUnsentCreateBacksOff) {
  Script script;
  script.start();
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 8; ++i) {
    script.on(Kind::kNotSent, {.kind = ErrorKind::kUnavailable, .message = "refused"});
    waits.push_back(std::chrono::floor<seconds>(script.waiting()).count());
    script.timer();
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60}));
}

TEST(AnthropicBatch, AWaitGoesOnAfterARestart) {
  Script script = at("create_wait");
  script.now += seconds(3);
  script.on(Kind::kRestarted);
  EXPECT_EQ(script.waiting(), seconds(4));
  script.now += seconds(30);
  script.on(Kind::kRestarted);
  EXPECT_EQ(script.said(), "create");
}

// --- Results ---

TEST(AnthropicBatchCollect, MissingResultsAreAskedForAgain) {
  Script script = at("collect");
  const Error missing{.kind = ErrorKind::kNotFound, .http_status = 404};
  int tries = 0;
  for (; script.said() == "collect results" && tries < 100; ++tries)
    script.on(Kind::kCollectFailed, missing).timer();
  EXPECT_EQ(tries, 31);
  script.on(Kind::kRestarted);
  EXPECT_EQ(script.said(), "held not_found");
}

TEST(AnthropicBatchCollect, A404OfAnAdoptedBatchIsNoRejection) {
  Script script = adopted("ended");
  script.on(Kind::kCollectFailed, {.kind = ErrorKind::kNotFound, .http_status = 404});
  EXPECT_EQ(script.said(), "wait collect_wait");
}

TEST(AnthropicBatchCollect, FailuresAreBoundedByTheirKind) {
  const auto tries = [](ErrorKind kind) {
    Script script = at("collect");
    int count = 0;
    for (; script.said() == "collect results" && count < 5000; ++count)
      script.on(Kind::kCollectFailed, {.kind = kind}).timer();
    script.on(Kind::kRestarted);
    EXPECT_TRUE(script.said().starts_with("held")) << script.said();
    return count;
  };
  EXPECT_EQ(tries(ErrorKind::kUnauthenticated), 1);
  EXPECT_EQ(tries(ErrorKind::kBadResponse), 11);
  EXPECT_EQ(tries(ErrorKind::kUnavailable), 1001);
}

// --- Cancelling ---

TEST(AnthropicBatchCancel, ItIsPolledToItsEndAndRead) {
  Script script = at("poll_wait");
  script.on(Kind::kCancel);
  EXPECT_EQ(script.said(), "cancel");
  EXPECT_EQ(script.plan().method, http::Method::kPost);
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches/msgbatch_01Own/cancel");
  EXPECT_EQ(script.plan().content_length(), 0U);
  script.answer(200, object("msgbatch_01Own", "canceling", kStart));
  EXPECT_EQ(script.last.view.status, "canceling");
  script.timer().answer(200, object("msgbatch_01Own", "canceling", kStart));
  EXPECT_EQ(script.said(), "wait poll_wait");
  script.timer().answer(200, testdata("poll.ended.response.json"));
  EXPECT_EQ(script.said(), "collect results");
}

TEST(AnthropicBatchCancel, ALostCancelIsSentAgainWhileTheBatchRuns) {
  Script script = at("cancel");
  script.lost().timer().answer(200, object("msgbatch_01Own", "in_progress", kStart));
  EXPECT_EQ(script.said(), "cancel");
  script.answer(429, "", {{"retry-after", "9"}});
  EXPECT_EQ(script.waiting(), seconds(9));
  script.timer().answer(200, testdata("poll.ended.response.json"));
  EXPECT_EQ(script.said(), "collect results");
}

TEST(AnthropicBatchCancel, AnUnknownCreateIsSettledFirst) {
  Script none = at("list_wait");
  none.on(Kind::kCancel);
  none.now += minutes(11);
  while (none.said() == "list") none.answer(200, list("")).timer();
  none.on(Kind::kRestarted);
  EXPECT_EQ(none.said(), "refused cancelled");

  Script created_after_all;
  created_after_all.start().on(Kind::kCancel);
  EXPECT_EQ(created_after_all.said(), "list");
}

TEST(AnthropicBatchCancel, WhatMayBeAnothersIsNotCancelled) {
  Script script = at("list");
  script.on(Kind::kCancel).answer(200, list(object("x", "in_progress", kStart)));
  EXPECT_EQ(script.said(), "poll");
  script.answer(200, object("x", "in_progress", kStart));
  EXPECT_EQ(script.said(), "wait poll_wait");
  script.on(Kind::kCancel);
  EXPECT_EQ(script.said(), "poll");
  EXPECT_FALSE(script.last.reason.empty());
}

}  // namespace
}  // namespace weir::providers::anthropic
