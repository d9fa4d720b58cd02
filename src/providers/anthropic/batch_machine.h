#pragma once
// Inside of batch.cc and batch_settle.cc: one call of the machine. Lives for one event; its state
// is the BatchState.
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"
#include "providers/anthropic/batch_state.h"

namespace weir::providers::anthropic {

// Creates of one batch, for whatever reason they made none: with the waits between, about a quarter
// of an hour of "not now".
inline constexpr std::int64_t kCreatesMax = 20;

class Machine {
 public:
  Machine(BatchState state, const provider::BatchEvent& event,
          const provider::BatchContext& context)
      : s_(std::move(state)), event_(event), context_(context) {}
  Result<provider::Step> run();

 private:
  using Kind = provider::BatchEvent::Kind;
  using Outcome = provider::Finished::Outcome;

  // One function a phase (batch.cc); what happens to an unknown create is in batch_settle.cc.
  Result<provider::Step> on_new();
  Result<provider::Step> on_create();
  provider::Step on_create_answer();
  Result<provider::Step> on_list();
  Result<provider::Step> on_poll();
  Result<provider::Step> on_cancel();
  Result<provider::Step> on_collect();
  Result<provider::Step> on_delete();
  Result<provider::Step> on_wait();

  provider::Step send_create(std::string reason);
  provider::Step retry_create(const Error& error);
  provider::Step send_poll(std::string reason);
  provider::Step send_cancel(std::string reason);
  provider::Step cancel_by_request();
  provider::Step begin_collect(std::string reason);
  provider::Step send_collect(std::string reason);
  provider::Step collect_failed();
  provider::Step after_wait();

  provider::Step in_doubt(std::string_view why);
  provider::Step begin_listing(std::string reason);
  provider::Step send_list(std::string reason);
  provider::Step on_page(json::Value page);
  [[nodiscard]] bool is_candidate(json::Value item, const Remote& remote) const;
  provider::Step decide();
  provider::Step nothing_found();
  provider::Step adopt(Remote remote);
  provider::Step reject();
  provider::Step collected_adopted();
  provider::Step on_settle();
  provider::Step wrong_batch();

  /// The step for a GET that brought no 2xx (wait and repeat, or held); nothing when it did.
  std::optional<provider::Step> unless_answered(Phase wait_phase, std::string_view what);
  provider::Step repeat_later(Phase wait_phase, const Error& error);
  provider::Step wait(Phase phase, Duration duration, std::string reason);
  provider::Step send(Phase phase, std::string operation, http::RequestPlan plan,
                      std::string reason);
  provider::Step finish(Outcome outcome, Error error, std::string reason);
  provider::Step held(Error error, std::string reason);
  provider::Step step(decltype(provider::Step::action) action, std::string reason) const;
  [[nodiscard]] std::unexpected<Error> unexpected_event() const;

  [[nodiscard]] Duration poll_delay();
  [[nodiscard]] Duration backoff(std::int64_t failures) const;
  [[nodiscard]] Duration wait_max() const;
  [[nodiscard]] Error answer_error() const;
  [[nodiscard]] std::string batch_path(std::string_view suffix) const;
  [[nodiscard]] bool answered_2xx() const {
    return event_.kind == Kind::kAnswer && event_.response.status / 100 == 2;
  }

  BatchState s_;
  const provider::BatchEvent& event_;
  const provider::BatchContext& context_;
  json::Parser parser_;
};

/// A batch object; nothing when it has no usable id.
std::optional<Remote> remote_of(json::Value object);
bool has_ended(const Remote& remote);

}  // namespace weir::providers::anthropic
