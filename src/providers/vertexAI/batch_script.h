#pragma once
// For the tests of the batch machine: a script of events against one machine.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "providers/vertexAI/batch.h"
#include "providers/vertexAI/batch_state.h"
#include "providers/vertexAI/errors.h"

namespace weir::providers::vertexAI {

using namespace std::chrono_literals;
using Kind = provider::BatchEvent::Kind;

inline const Time kBegin = parse_rfc3339("2026-11-23T12:00:00Z").value();
inline const BatchId kId{0x0123456789abcdef, 0xfedcba9876543210};
inline std::string tag() { return custom_id_prefix(kId).substr(0, 17); }

// A job; `more` are members of it.
inline std::string job(std::string_view state, std::string_view more = "",
                       std::string_view id = "4561", const std::string& display = tag()) {
  return fmt::format(
      R"({{"name":"projects/123/locations/us-central1/batchPredictionJobs/{}","displayName":"{}",)"
      R"("state":"JOB_STATE_{}","createTime":"2026-11-23T12:00:05.123456789Z"{}}})",
      id, display, state, more);
}
inline std::string succeeded(std::string_view state = "SUCCEEDED") {
  return job(
      state,
      fmt::format(R"(,"endTime":"2026-11-23T13:00:00Z","completionStats":{{"successfulCount":"2",)"
                  R"("failedCount":"1","incompleteCount":"-1"}},"outputInfo":{{)"
                  R"("gcsOutputDirectory":"gs://pail/weir/{}/output/prediction-model-1"}})",
                  tag()));
}
inline std::string list(std::string_view jobs, std::string_view next = "") {
  return fmt::format(R"({{"batchPredictionJobs":[{}]{}}})", jobs,
                     next.empty() ? "" : fmt::format(R"(,"nextPageToken":"{}")", next));
}
inline std::string folder() { return "weir/" + tag() + "/"; }
inline std::string output() { return folder() + "output/prediction-model-1/"; }
inline const std::string kNothing = R"({"kind":"storage#objects"})";
inline std::string objects(const std::vector<std::string>& names, std::string_view next = "") {
  std::string items;
  for (const auto& name : names)
    items += fmt::format(R"({}{{"name":"{}","size":"7"}})", items.empty() ? "" : ",", name);
  return fmt::format(R"({{"kind":"storage#objects","items":[{}]{}}})", items,
                     next.empty() ? "" : fmt::format(R"(,"nextPageToken":"{}")", next));
}

class Script {
 public:
  provider::Credentials credentials{.base_path = "/vertexAI",
                                    .key = "ya29.secret",
                                    .origin = {.tls = false, .host = "127.0.0.1", .port = 80}};
  catalogue::BatchLimits limits{.create_visibility_max = 10min, .poll_min = 10s, .poll_max = 60s};
  provider::gemini::Options options{
      .provider = "vertexAI", .call_ids = false, .errors = error_rules()};
  Time now = kBegin;
  provider::Step step;

  Script() {
    credentials.settings.set("project", "shop");
    credentials.settings.set("location", "us-central1");
    credentials.settings.set("bucket", "gs://pail/weir");
  }

  std::string on(provider::BatchEvent event) {
    const provider::BatchContext context{.credentials = credentials,
                                         .limits = limits,
                                         .id = kId,
                                         .items = 3,
                                         .image_bytes = 777,
                                         .model = "gemini-2.5-flash",
                                         .now = now};
    auto next = next_batch_step(options, step.state, event, context);
    EXPECT_TRUE(next) << next.error().text();
    if (!next) return "error";
    step = *std::move(next);
    const auto read = read_state(step.state);
    EXPECT_TRUE(read);
    if (read) EXPECT_EQ(write_state(*read), step.state);
    EXPECT_EQ(step.state.find("secret"), std::string::npos);
    return told();
  }
  std::string start() { return on({.kind = Kind::kStart}); }
  std::string answer(int status, std::string body = "", http::Headers headers = {}) {
    return on(
        {.kind = Kind::kAnswer,
         .response = {.status = status, .headers = std::move(headers), .body = std::move(body)}});
  }
  std::string lost() { return on({.kind = Kind::kLost, .error = {.message = "reset"}}); }
  std::string not_sent() { return on({.kind = Kind::kNotSent, .error = {.message = "no route"}}); }
  std::string restarted() { return on({.kind = Kind::kRestarted}); }
  std::string cancel() { return on({.kind = Kind::kCancel}); }
  std::string collected() { return on({.kind = Kind::kCollected}); }
  std::string collect_failed(ErrorKind kind = ErrorKind::kUnavailable) {
    return on({.kind = Kind::kCollectFailed, .error = {.kind = kind, .message = "cut"}});
  }
  std::string settle(provider::Settlement settlement) {
    return on({.kind = Kind::kSettle, .settlement = std::move(settlement)});
  }
  /// Lets the Wait pass.
  std::string timer() {
    if (const auto* wait = std::get_if<provider::Wait>(&step.action)) now += wait->duration;
    return on({.kind = Kind::kTimer});
  }

  /// "upload", "create" …, "wait 10s", "collect predictions.jsonl", "ended", "held …".
  [[nodiscard]] std::string told() const {
    if (std::get_if<provider::Send>(&step.action) != nullptr) return phase();
    if (const auto* wait = std::get_if<provider::Wait>(&step.action))
      return fmt::format("wait {}s", wait->duration / 1s);
    if (const auto* collect = std::get_if<provider::Collect>(&step.action))
      return "collect " + collect->artefact;
    const auto& end = std::get<provider::Finished>(step.action);
    if (end.outcome == provider::Finished::Outcome::kEnded) return "ended";
    return fmt::format("{} {}",
                       end.outcome == provider::Finished::Outcome::kRefused ? "refused" : "held",
                       to_string(end.error.kind));
  }
  [[nodiscard]] std::string phase() const {
    json::Parser parser;
    return parser.parse(step.state).value()["at"].string_or("");
  }
  [[nodiscard]] const http::RequestPlan& plan() const {
    if (const auto* collect = std::get_if<provider::Collect>(&step.action)) return collect->plan;
    return std::get<provider::Send>(step.action).plan;
  }
  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(plan().headers.find(name).value_or("-"));
  }
  [[nodiscard]] const provider::Finished& end() const {
    return std::get<provider::Finished>(step.action);
  }
};

// Every state that a script can stand in, and how to get there.
inline Script at(std::string_view state) {
  Script s;
  s.start();
  if (state == "upload") return s;
  if (state == "upload wait") return s.answer(503), s;
  s.answer(200, "{}");
  if (state == "create") return s;
  if (state == "create wait") return s.answer(429), s;
  if (state == "list" || state == "list wait") {
    s.lost();
    if (state == "list wait") s.answer(200, "{}");
    return s;
  }
  s.answer(200, job("QUEUED"));
  if (state == "poll wait") return s;
  if (state == "cancel") return s.cancel(), s;
  s.timer();
  if (state == "poll") return s;
  s.answer(200, succeeded());
  if (state == "files") return s;
  if (state == "files wait") return s.answer(500), s;
  s.answer(200, objects({output() + "predictions.jsonl"}));
  if (state == "collect") return s;
  if (state == "collect wait") return s.collect_failed(), s;
  s.collected();
  s.answer(200, objects({output() + "predictions.jsonl"}));
  if (state == "sweep") return s;
  s.answer(200, objects({folder() + "input.jsonl"}));
  if (state == "remove") return s;
  s.answer(204);
  s.answer(200, kNothing);
  EXPECT_EQ(state, "done");
  return s;
}

inline constexpr std::string_view kStates[] = {
    "upload",       "upload wait", "create", "create wait", "list",       "list wait",
    "poll wait",    "cancel",      "poll",   "files",       "files wait", "collect",
    "collect wait", "sweep",       "remove", "done"};

}  // namespace weir::providers::vertexAI
