#pragma once
// For the tests of the batch machine: a script of events against one machine.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "json/value.h"
#include "providers/anthropic/batch.h"
#include "providers/anthropic/testing.h"

namespace weir::providers::anthropic {

using Kind = provider::BatchEvent::Kind;
using Outcome = provider::Finished::Outcome;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

inline const Time kStart = parse_rfc3339("2026-11-23T12:00:00Z").value();

// A batch object with a total of `items` requests.
inline std::string object(std::string_view id, std::string_view status, Time created,
                          int items = 3) {
  return fmt::format(
      R"({{"id":"{}","type":"message_batch","processing_status":"{}","created_at":"{}",)"
      R"("request_counts":{{"processing":1,"succeeded":{},"errored":0,"canceled":0,"expired":0}}}})",
      id, status, to_rfc3339(created), items - 1);
}
inline std::string list(std::string_view objects, std::string_view more = "false") {
  return fmt::format(R"({{"data":[{}],"has_more":{},"first_id":"a","last_id":"the last"}})",
                     objects, more);
}

// One machine, its clock and the last step. Each event goes through the committed state only, as
// after a restart.
class Script {
 public:
  provider::Credentials credentials{.base_path = "/anthropic", .key = "secret"};
  catalogue::BatchLimits limits{
      .create_visibility_max = minutes(10), .poll_min = seconds(10), .poll_max = seconds(60)};
  Time now = kStart;
  provider::Step last;
  std::vector<std::string> claimed;  // by other batches of the job
  Result<provider::Step> result = provider::Step{};

  Script& event(provider::BatchEvent event) {
    const provider::BatchContext context{.credentials = credentials,
                                         .limits = limits,
                                         .id = {.high = 1, .low = 2},
                                         .items = 3,
                                         .image_bytes = 777,
                                         .model = "claude-sonnet-5",
                                         .now = now,
                                         .claimed = claimed};
    result = next_batch_step(last.state, event, context);
    if (result) last = *result;
    EXPECT_EQ(last.state.find("secret"), std::string::npos);
    return *this;
  }
  Script& start() { return event({.kind = Kind::kStart}); }
  Script& answer(int status, std::string body, http::Headers headers = {}) {
    return event(
        {.kind = Kind::kAnswer,
         .response = {.status = status, .headers = std::move(headers), .body = std::move(body)}});
  }
  Script& on(Kind kind, Error error = {}) {
    return event({.kind = kind, .error = std::move(error)});
  }
  Script& lost() { return on(Kind::kLost, {.message = "connection cut"}); }
  /// Lets the Wait pass.
  Script& timer() {
    if (const auto* wait = std::get_if<provider::Wait>(&last.action)) now += wait->duration;
    return on(Kind::kTimer);
  }
  Script& wrong_rows() {
    return on(Kind::kCollectFailed, {.kind = ErrorKind::kNotFound, .message = "not our rows"});
  }

  [[nodiscard]] const http::RequestPlan& plan() const {
    if (const auto* collect = std::get_if<provider::Collect>(&last.action)) return collect->plan;
    return std::get<provider::Send>(last.action).plan;
  }
  [[nodiscard]] Duration waiting() const {
    const auto* wait = std::get_if<provider::Wait>(&last.action);
    return wait ? wait->duration : Duration(-1);
  }
  [[nodiscard]] std::string phase() const {
    json::Parser parser;
    return parser.parse(last.state).value()["phase"].string_or("");
  }
  /// "create", "wait poll_wait", "collect results", "refused cancelled", "error": what the last
  /// event led to.
  [[nodiscard]] std::string said() const {
    if (!result) return "error";
    if (const auto* send = std::get_if<provider::Send>(&last.action)) return send->operation;
    if (waiting() >= Duration{}) return "wait " + phase();
    if (const auto* collect = std::get_if<provider::Collect>(&last.action))
      return "collect " + collect->artefact;
    const auto& finished = std::get<provider::Finished>(last.action);
    if (finished.outcome == Outcome::kEnded) return "ended";
    return fmt::format("{} {}", finished.outcome == Outcome::kHeld ? "held" : "refused",
                       to_string(finished.error.kind));
  }
};

inline Script created() {
  Script script;
  script.start().answer(200, testdata("create.accepted.response.json"));
  return script;
}
inline Script in_doubt() {
  Script script;
  script.start().lost();
  return script;
}
inline Script adopted(std::string_view status = "in_progress") {
  Script script = in_doubt();
  script.answer(200, list(object("msgbatch_x", status, kStart + seconds(2))));
  return script;
}
inline Script at(std::string_view phase) {
  Script script;
  if (phase == "new") return script;
  if (phase == "create") return script.start();
  if (phase == "create_wait") return script.start().answer(429, "{}", {{"retry-after", "7"}});
  if (phase == "list") return in_doubt();
  if (phase == "list_wait") return in_doubt().answer(200, list(""));
  if (phase == "poll_wait") return created();
  if (phase == "poll") return created().timer();
  if (phase == "cancel") return created().on(Kind::kCancel);
  const std::string ended = testdata("poll.ended.response.json");
  if (phase == "collect") return created().timer().answer(200, ended);
  if (phase == "collect_wait")
    return created()
        .timer()
        .answer(200, ended)
        .on(Kind::kCollectFailed, {.kind = ErrorKind::kUnavailable});
  if (phase == "delete") return created().timer().answer(200, ended).on(Kind::kCollected);
  if (phase == "adopted_poll") return adopted();
  if (phase == "adopted_collect") return adopted("ended");
  return created().timer().answer(200, ended).on(Kind::kCollected).answer(200, "{}");
}

}  // namespace weir::providers::anthropic
