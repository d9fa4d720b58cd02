#pragma once
// For the tests of the batch machine: a script of events against one machine. Each event goes through the committed state only, as
// after a restart.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "json/value.h"
#include "providers/bedrock/batch_machine.h"
#include "providers/bedrock/testing.h"

namespace weir::providers::bedrock {

using Kind = provider::BatchEvent::Kind;
using Outcome = provider::Finished::Outcome;
using std::chrono::minutes;
using std::chrono::seconds;

inline const std::string kArn = "arn:aws:bedrock:us-east-1:1:model-invocation-job/abc123";
inline const std::string kName = "weir-w0000000000000001";
inline const std::string kFolder = "some where/" + kName + "/output/abc123/";

inline std::string job(std::string_view status, std::string_view more = "") {
  return fmt::format(
      R"({{"jobArn":"{}","jobName":"{}","status":"{}","submitTime":"2026-11-23T12:00:01Z"{}}})",
      kArn, kName, status, more);
}
inline std::string jobs(std::string_view inside = "") {
  return fmt::format(R"({{"invocationJobSummaries":[{}]}})", inside);
}
inline std::string objects(std::initializer_list<std::string> keys) {
  std::string out = "<ListBucketResult>";
  for (const auto& key : keys) out += "<Contents><Key>" + key + "</Key></Contents>";
  return out + "</ListBucketResult>";
}
inline std::string results() {
  return objects({kFolder + "manifest.json.out", kFolder + "input.jsonl.out"});
}
inline http::Headers named(std::string name) { return {{"x-amzn-errortype", std::move(name)}}; }

class Script {
 public:
  provider::Credentials credentials = aws_credentials();
  catalogue::BatchLimits limits{
      .create_visibility_max = minutes(10), .poll_min = seconds(10), .poll_max = seconds(60)};
  Time now = kNow;
  provider::Step last;
  Result<provider::Step> result = provider::Step{};
  std::string reasons;

  Script& event(const provider::BatchEvent& event) {
    const provider::BatchContext context{.credentials = credentials,
                                         .limits = limits,
                                         .id = {0, 1},
                                         .items = 300,
                                         .image_bytes = 777,
                                         .model = "us.anthropic.claude-opus-5",
                                         .now = now};
    result = next_step(last.state, event, context);
    if (result) last = *result;
    reasons += last.reason + "\n";
    EXPECT_EQ(last.state.find("hush"), std::string::npos);
    return *this;
  }
  Script& start() { return event({.kind = Kind::kStart}); }
  Script& answer(int status, std::string body = "{}", http::Headers headers = {}) {
    return event(
        {.kind = Kind::kAnswer,
         .response = {.status = status, .headers = std::move(headers), .body = std::move(body)}});
  }
  Script& on(Kind kind, Error error = {}) {
    return event({.kind = kind, .error = std::move(error)});
  }
  Script& lost() { return on(Kind::kLost, {.message = "connection cut"}); }
  Script& timer() {  // lets the Wait pass
    if (const auto* wait = std::get_if<provider::Wait>(&last.action)) now += wait->duration;
    return on(Kind::kTimer);
  }
  Script& settle(provider::Settlement settlement) {
    return event({.kind = Kind::kSettle, .settlement = std::move(settlement)});
  }

  [[nodiscard]] const http::RequestPlan& plan() const {
    if (const auto* collect = std::get_if<provider::Collect>(&last.action)) return collect->plan;
    return std::get<provider::Send>(last.action).plan;
  }
  [[nodiscard]] std::string body() const { return std::get<std::string>(plan().body.at(0)); }
  /// "https://s3.us-east-1.amazonaws.com/jobs/…", or the path alone.
  [[nodiscard]] std::string where() const {
    return (plan().origin ? plan().origin->text() : "") + plan().target;
  }
  /// "create", "wait poll", "collect input.jsonl.out", "refused cancelled", "error": what the last event led to.
  [[nodiscard]] std::string said() const {
    if (!result) return "error";
    if (const auto* send = std::get_if<provider::Send>(&last.action)) return send->operation;
    if (std::holds_alternative<provider::Wait>(last.action)) {
      json::Parser parser;
      return "wait " + parser.parse(last.state).value()["at"].string_or("");
    }
    if (const auto* collect = std::get_if<provider::Collect>(&last.action))
      return "collect " + collect->artefact;
    const auto& finished = std::get<provider::Finished>(last.action);
    if (finished.outcome == Outcome::kEnded) return "ended";
    return fmt::format("{} {}", finished.outcome == Outcome::kHeld ? "held" : "refused",
                       to_string(finished.error.kind));
  }
  [[nodiscard]] std::string message() const {
    return std::get<provider::Finished>(last.action).error.text();
  }
  /// The objects are deleted, or not: it ends.
  Script& to_end(int status = 204) {
    for (int i = 0; i < 9 && said() == "delete"; ++i) answer(status);
    return *this;
  }
};

/// As far as the step of this name.
inline Script at(std::string_view step) {
  Script s;
  if (step == "new") return s;
  s.start();
  if (step == "upload") return s;
  s.answer(200);
  if (step == "create") return s;
  if (step == "find") return s.lost();
  s.answer(200, fmt::format(R"({{"jobArn":"{}"}})", kArn));
  if (step == "wait poll") return s;
  s.timer();
  if (step == "poll") return s;
  if (step == "stop") return s.on(Kind::kCancel);
  s.answer(200,
           job("Completed", R"(,"endTime":"2026-11-23T13:00:00Z","processedRecordCount":300)"));
  if (step == "list") return s;
  s.answer(200, results());
  if (step == "collect") return s;
  return s.on(Kind::kCollected);  // "delete"
}

}  // namespace weir::providers::bedrock
