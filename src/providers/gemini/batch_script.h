#pragma once
// For the tests of the batch machine: a script of events against one machine.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "providers/gemini/batch.h"
#include "providers/gemini/batch_state.h"
#include "providers/gemini/errors.h"

namespace weir::providers::gemini {

using namespace std::chrono_literals;
using Kind = provider::BatchEvent::Kind;

inline const Time kBegin = parse_rfc3339("2026-11-23T12:00:00Z").value();
inline const BatchId kId{0x0123456789abcdef, 0xfedcba9876543210};
inline std::string tag() { return custom_id_prefix(kId).substr(0, 17); }

// An operation; `more` are members of the metadata, `end` those of the operation.
inline std::string operation(std::string_view state, std::string_view more = "",
                             std::string_view end = "", std::string_view name = "batches/b1",
                             const std::string& display = tag()) {
  return fmt::format(R"({{"name":"{}","metadata":{{"state":"BATCH_STATE_{}","displayName":"{}",)"
                     R"("createTime":"2026-11-23T12:00:05.123456789Z"{}}}{}}})",
                     name, state, display, more, end);
}
inline std::string succeeded() {
  return operation(
      "SUCCEEDED",
      R"(,"endTime":"2026-11-23T13:00:00Z","output":{"responsesFile":"files/batch-b1"},)"
      R"("batchStats":{"requestCount":"3","successfulRequestCount":"2","failedRequestCount":"1"})",
      R"(,"done":true)");
}
inline std::string list(std::string_view operations, std::string_view next = "") {
  return fmt::format(R"({{"operations":[{}]{}}})", operations,
                     next.empty() ? "" : fmt::format(R"(,"nextPageToken":"{}")", next));
}
inline const std::string kFile = R"({"file":{"name":"files/in1","state":"ACTIVE"}})";
inline const http::Headers kSession{{"X-Goog-Upload-URL",
                                     "https://generativelanguage.googleapis.com/upload/v1beta/"
                                     "files?upload_id=u1&upload_protocol=resumable"},
                                    {"X-Goog-Upload-Status", "active"}};

class Script {
 public:
  provider::Credentials credentials{.base_path = "/gemini", .key = "AIza-secret"};
  catalogue::BatchLimits limits{.create_visibility_max = 10min, .poll_min = 10s, .poll_max = 60s};
  provider::gemini::Options options{.provider = "gemini", .errors = error_rules()};
  Time now = kBegin;
  provider::Step step;

  std::string on(provider::BatchEvent event) {
    const provider::BatchContext context{.credentials = credentials,
                                         .limits = limits,
                                         .id = kId,
                                         .items = 3,
                                         .image_bytes = 777,
                                         .model = "gemini-3.8-flash",
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

  /// "start", "upload", "query", "create" …, "wait 10s", "collect output", "ended", "held …".
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
  if (state == "start") return s;
  if (state == "start wait") return s.answer(503), s;
  s.answer(200, "", kSession);
  if (state == "upload") return s;
  if (state == "query wait") return s.lost(), s;
  if (state == "query") return s.lost(), s.timer(), s;
  s.answer(200, kFile);
  if (state == "create") return s;
  if (state == "create wait") return s.answer(429), s;
  if (state == "list" || state == "list wait") {
    s.lost();
    if (state == "list wait") s.answer(200, "{}");
    return s;
  }
  s.answer(200, operation("PENDING"));
  if (state == "poll wait") return s;
  if (state == "cancel") return s.cancel(), s;
  s.timer();
  if (state == "poll") return s;
  s.answer(200, succeeded());
  if (state == "collect") return s;
  if (state == "collect wait") return s.collect_failed(), s;
  s.collected();
  if (state == "delete_file") return s;
  s.answer(200, "{}");
  if (state == "delete_batch") return s;
  s.answer(200, "{}");
  EXPECT_EQ(state, "done");
  return s;
}

inline constexpr std::string_view kStates[] = {
    "start",       "start wait",   "upload",      "query wait",   "query",  "create",
    "create wait", "list",         "list wait",   "poll wait",    "cancel", "poll",
    "collect",     "collect wait", "delete_file", "delete_batch", "done"};

}  // namespace weir::providers::gemini
