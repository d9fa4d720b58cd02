#pragma once
// One step of the batch machine: made from a state, takes one event, gives the next Step. Internal to the provider.
//
//   dataset ─> upload ─> ready ─> create ─> poll ─> locate ─> collect (for each file) ─> remove ─> done
//                                   └unknown: the same create again, or its job by its id
//
// A create is safe to repeat: its id is ours, and a second one of that id is refused. A cancel deletes the job, and with it what it
// had done; nothing else stops one. Doc: https://docs.fireworks.ai/guides/batch-inference (reference of 2026-11-23)
#include <string>

#include "provider/adapter.h"
#include "providers/fireworks/batch_state.h"
#include "providers/fireworks/wire.h"

namespace weir::providers::fireworks {

/// Adapter::next. @error kInternal the state is not one of this machine's, or the event does not fit it.
Result<provider::Step> next_step(std::string_view state, const provider::BatchEvent& event,
                                 const provider::BatchContext& context);

class Machine {
 public:
  /// Borrows the context for one call.
  Machine(const provider::BatchContext& context, State state)
      : context_(context), s_(std::move(state)) {}

  Result<provider::Step> on(const provider::BatchEvent& event);
  provider::Step start();

 private:
  using Step = provider::Step;
  using Event = provider::BatchEvent;

  // The steps: each sets where the machine stands and gives its action.
  Step perform();  // the step at s_.at
  Step dataset();
  Step upload();
  Step ready();
  Step create();
  Step poll();
  Step cancel();
  Step locate();
  Step remove();
  Step finish();

  // Events.
  Step on_restarted();
  Step on_cancel();
  Step on_settle(const provider::Settlement& settlement);
  Step on_answer(const Event& event);
  Step on_dataset(const Event& event);
  Step on_upload(const Event& event);
  Step on_ready(const Event& event);
  Step on_create(const Event& event);
  Step on_poll(const Event& event);
  Step on_deleted(const Event& event);
  Step on_located(const Event& event);
  Step on_collected(const Event& event);
  Step on_removed(const Event& event);

  // What answers lead to.
  Step make_unsure(std::string_view why);
  Step no_job(const Error& error);
  Step observe(const JobObject& job);
  Step ended(const JobObject& job);
  Step no_results(Error error);
  Step refuse(Error error);
  Step hold(Error error);
  Step not_ours();
  Step again_or_refuse(Error error, At at, std::uint64_t tries_max);

  // Helpers.
  void go(At at);
  Step act(decltype(Step::action) action);
  Step send(At at, std::string operation, http::RequestPlan plan);
  Step later(At at, Duration duration);
  [[nodiscard]] Duration backoff() const;
  [[nodiscard]] Duration backoff(const Error& error) const;
  [[nodiscard]] Error error_of(const Event& event) const;
  void note(std::string_view text);

  const provider::BatchContext& context_;
  State s_;
  std::string reason_;
};

}  // namespace weir::providers::fireworks
