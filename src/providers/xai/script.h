#pragma once
// For the tests of xAI's batches: a script of events against the machine.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "provider/adapter.h"
#include "provider/openai_batch_dialect.h"

namespace weir::providers::xai {

const provider::Adapter& adapter();

using Kind = provider::BatchEvent::Kind;

inline const Time kStart = parse_rfc3339("2026-11-23T12:00:00Z").value();

struct Counts {
  int requests = 3, pending = 0, success = 0, error = 0, cancelled = 0;
};

inline std::string tag() { return provider::openai_batch::recovery_tag({.high = 1, .low = 2}); }

/// A batch object. @param more further members, with a comma ahead of each
inline std::string object(const Counts& n, std::string_view more = "",
                          const std::string& name = tag()) {
  return fmt::format(
      R"({{"batch_id":"batch_1","name":"{}","create_time":"2026-11-23T12:00:05Z",)"
      R"("expire_time":"2026-12-23","input_file_id":"file_1","state":{{"num_requests":{},)"
      R"("num_pending":{},"num_success":{},"num_error":{},"num_cancelled":{}}}{}}})",
      name, n.requests, n.pending, n.success, n.error, n.cancelled, more);
}

/// Each event goes through the committed state only, as after a restart.
class Script {
 public:
  provider::Credentials credentials{.base_path = "/v1", .key = "secret"};
  catalogue::BatchLimits limits{.create_visibility_max = std::chrono::minutes(10),
                                .poll_min = std::chrono::seconds(10),
                                .poll_max = std::chrono::seconds(60)};
  Time now = kStart;
  provider::Step last;

  Script& event(provider::BatchEvent event) {
    const provider::BatchContext context{.credentials = credentials,
                                         .limits = limits,
                                         .id = {.high = 1, .low = 2},
                                         .items = 3,
                                         .image_bytes = 777,
                                         .model = "grok-4.3",
                                         .now = now};
    auto step = adapter().next(last.state, event, context);
    EXPECT_TRUE(step) << (step ? "" : step.error().text());
    if (step) last = *std::move(step);
    EXPECT_FALSE(last.state.contains("secret"));
    return *this;
  }
  Script& on(Kind kind, Error error = {}) {
    return event({.kind = kind, .error = std::move(error)});
  }
  Script& answer(int status, std::string body) {
    return event({.kind = Kind::kAnswer,
                  .response = {.status = status, .headers = {}, .body = std::move(body)}});
  }
  Script& page(std::string envelope, std::uint64_t rows) {
    return event({.kind = Kind::kCollected,
                  .response = {.status = 200, .headers = {}, .body = std::move(envelope)},
                  .rows = rows});
  }
  /// Lets the Wait pass.
  Script& timer() {
    if (const auto* wait = std::get_if<provider::Wait>(&last.action)) now += wait->duration;
    return on(Kind::kTimer);
  }
  [[nodiscard]] const provider::Collect& collect() const {
    return std::get<provider::Collect>(last.action);
  }
  [[nodiscard]] const http::RequestPlan& plan() const {
    return std::get<provider::Send>(last.action).plan;
  }
  /// "create", "wait", "collect", "refused cancelled", "ended", "held …".
  [[nodiscard]] std::string said() const {
    if (const auto* send = std::get_if<provider::Send>(&last.action)) return send->operation;
    if (std::holds_alternative<provider::Wait>(last.action)) return "wait";
    if (std::holds_alternative<provider::Collect>(last.action)) return "collect";
    const auto& finished = std::get<provider::Finished>(last.action);
    using Outcome = provider::Finished::Outcome;
    if (finished.outcome == Outcome::kEnded) return "ended";
    return fmt::format("{} {}", finished.outcome == Outcome::kHeld ? "held" : "refused",
                       to_string(finished.error.kind));
  }
};

inline Script created(const Counts& counts = {.requests = 0}) {
  Script script;
  script.on(Kind::kStart).answer(200, R"({"id":"file_1"})");
  script.answer(200, object(counts));
  return script;
}

}  // namespace weir::providers::xai
