#pragma once
// For the tests of the batch machine: a script of events against one machine. Each event goes through the committed state only, as
// after a restart.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "json/value.h"
#include "provider/adapter.h"
#include "providers/fireworks/batch_machine.h"

namespace weir::providers::fireworks {

using Kind = provider::BatchEvent::Kind;
using Outcome = provider::Finished::Outcome;
using std::chrono::minutes;
using std::chrono::seconds;

inline const std::string kJob = "weir-w0000000000000001";
inline const std::string kOrigin = "https://api.fireworks.ai";

inline std::string job(std::string_view state, std::string_view more = "") {
  return fmt::format(
      R"({{"name":"accounts/acme/batchInferenceJobs/{}","state":"JOB_STATE_{}","createTime":)"
      R"("2026-11-23T12:00:00.5Z","outputDatasetId":"accounts/acme/datasets/bij-1"{}}})",
      kJob, state, more);
}
inline std::string dataset(std::string_view state) {
  return fmt::format(
      R"({{"name":"accounts/acme/datasets/d","state":"{}","status":{{"code":"OK"}}}})", state);
}
inline std::string links(std::string_view host = "https://storage.googleapis.com") {
  return fmt::format(
      R"({{"filenameToSignedUrls":{{"dataset/bij-1/error-data":"{0}/b/e?X-Goog-Signature=hush",)"
      R"("dataset/bij-1/BIJOutputSet.jsonl":"{0}/b/o?X-Goog-Signature=hush"}}}})",
      host);
}
inline const std::string kNothing = R"({"code":5,"message":"resource not found","details":[]})";

class Script {
 public:
  Script() {
    credentials.settings.set("accountId", "acme");
    credentials.origin = http::parse_url(kOrigin)->origin;
    limits.result_hosts = {"storage.googleapis.com"};
    limits.cancel_keeps_results = false;
  }
  provider::Credentials credentials{.base_path = "/", .key = "secret"};
  catalogue::BatchLimits limits{
      .create_visibility_max = minutes(10), .poll_min = seconds(10), .poll_max = seconds(60)};
  Time now = parse_rfc3339("2026-11-23T12:00:00Z").value();
  provider::Step last;
  Result<provider::Step> result = provider::Step{};
  std::string reasons;

  Script& event(const provider::BatchEvent& event) {
    const provider::BatchContext context{.credentials = credentials,
                                         .limits = limits,
                                         .id = {0, 1},
                                         .items = 3,
                                         .image_bytes = 777,
                                         .model = "accounts/fireworks/models/kimi-k3",
                                         .now = now};
    result = next_step(last.state, event, context);
    if (result) last = *result;
    reasons += last.reason + "\n";
    EXPECT_EQ(last.state.find("secret"), std::string::npos);
    EXPECT_EQ(last.state.find("hush"), std::string::npos);  // a signed link is a key
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
  [[nodiscard]] std::string target() const { return plan().target; }
  /// "create", "wait poll", "collect error-data", "refused cancelled", "error": what the last event led to.
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
  /// The results are asked for until the machine gives up.
  Script& nothing_there() {
    for (int i = 0; i < 20 && said() == "locate"; ++i) {
      answer(404, kNothing);
      if (said() == "wait locate") timer();
    }
    return *this;
  }
  /// Both datasets are deleted, or not: it ends.
  Script& to_end(int status = 200) {
    for (int i = 0; i < 2 && said() == "delete"; ++i) answer(status);
    return *this;
  }
};

/// As far as the step of this name.
inline Script at(std::string_view step) {
  Script s;
  if (step == "new") return s;
  s.start();
  if (step == "dataset") return s;
  s.answer(200, dataset("UPLOADING"));
  if (step == "upload") return s;
  s.answer(200);
  if (step == "ready") return s;
  s.answer(200, dataset("READY"));
  if (step == "create") return s;
  s.answer(200, job("VALIDATING"));
  if (step == "wait poll") return s;
  s.timer();
  if (step == "poll") return s;
  if (step == "cancel") return s.on(Kind::kCancel);
  s.answer(200, job("COMPLETED", R"(,"jobProgress":{"totalProcessedRequests":3})"));
  if (step == "locate") return s;
  s.answer(200, links());
  if (step == "collect") return s;
  s.on(Kind::kCollected).answer(200, links()).on(Kind::kCollected);
  if (step == "remove") return s;
  return s.to_end();
}

}  // namespace weir::providers::fireworks
