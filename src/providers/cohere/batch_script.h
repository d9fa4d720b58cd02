#pragma once
// For the tests of the batch machine: a script of events against one machine. Each event goes through the committed state only, as
// after a restart.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "json/value.h"
#include "provider/adapter.h"
#include "providers/cohere/batch_machine.h"

namespace weir::providers::cohere {

using Kind = provider::BatchEvent::Kind;
using Outcome = provider::Finished::Outcome;
using std::chrono::minutes;
using std::chrono::seconds;

inline const std::string kName = "weir-w0000000000000001", kInput = kName + "-x1y2z3",
                         kOutput = kName + "-output-a1b2c3", kBatch = "879296b8-8c2d-45ac";

inline std::string batch(std::string_view status, std::string_view more = "",
                         std::string_view id = kBatch, std::string_view name = kName) {
  return fmt::format(
      R"({{"id":"{}","name":"{}","status":"BATCH_STATUS_{}","created_at":"2026-11-23T12:00:00.5Z",)"
      R"("updated_at":"2026-11-23T13:00:00Z","input_dataset_id":"{}","num_records":3{}}})",
      id, name, status, kInput, more);
}
inline std::string one(std::string_view status, std::string_view more = "") {
  return fmt::format(R"({{"batch":{}}})", batch(status, more));
}
inline std::string with_output(std::string_view status, std::string_view more = "") {
  return one(status, fmt::format(R"(,"output_dataset_id":"{}"{})", kOutput, more));
}
inline std::string dataset(std::string_view state, std::string_view more = "") {
  return fmt::format(R"({{"dataset":{{"id":"x","validation_status":"{}"{}}}}})", state, more);
}
// Two parts, the second one first.
inline std::string parts(std::string_view host = "https://storage.googleapis.com") {
  return dataset("validated",
                 fmt::format(R"(,"dataset_parts":[{{"index":1,"url":"{0}/b/1?X-Goog-Signature=)"
                             R"(hush"}},{{"index":0,"url":"{0}/b/0?X-Goog-Signature=hush"}}])",
                             host));
}
inline const std::string kNothing = R"({"message":"not found"})";

class Script {
 public:
  Script() {
    credentials.origin = http::parse_url("https://api.cohere.com")->origin;
    limits.result_hosts = {"storage.googleapis.com"};
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
                                         .model = "command-r7b-12-2024",
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
  [[nodiscard]] const Error& error() const {
    return std::get<provider::Finished>(last.action).error;
  }
  /// "create", "wait poll", "collect part-0", "refused cancelled", "error": what the last event led to.
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
  if (step == "upload") return s;
  s.answer(200, fmt::format(R"({{"id":"{}"}})", kInput));
  if (step == "ready") return s;
  s.answer(200, dataset("validated"));
  if (step == "create") return s;
  if (step == "list") return s.lost();
  s.answer(200, one("QUEUED"));
  if (step == "wait poll") return s;
  s.timer();
  if (step == "poll") return s;
  if (step == "cancel") return s.on(Kind::kCancel);
  s.answer(200, with_output("COMPLETED", R"(,"num_successful_records":3)"));
  if (step == "locate") return s;
  s.answer(200, parts());
  if (step == "collect") return s;
  s.on(Kind::kCollected).answer(200, parts()).on(Kind::kCollected);
  if (step == "remove") return s;
  return s.to_end();
}

}  // namespace weir::providers::cohere
