#pragma once
// One step of the batch machine: made from a state, takes one event, gives the next Step. Internal to the provider.
//
//   upload ─> create ─> poll ─> list ─> collect (each object of rows) ─> remove ─> done
//                └unknown: the job by its name, or the same create again
//
// A create is safe to repeat: its clientRequestToken is ours, and a second one of that token gives the first one's job. Its name is ours
// as well, so the job can be looked for. Doc: https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html (reference of
// 2026-11-23)
#include <string>

#include "provider/adapter.h"
#include "providers/bedrock/batch_state.h"
#include "providers/bedrock/wire.h"

namespace weir::providers::bedrock {

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
  Step upload();
  Step create();
  Step find();
  Step poll();
  Step stop();
  Step list();
  Step collect();
  Step remove();
  Step finish();

  // Events.
  Step on_restarted();
  Step on_cancel();
  Step on_settle(const provider::Settlement& settlement);
  Step on_answer(const Event& event);
  Step on_upload(const Event& event);
  Step on_create(const Event& event);
  Step on_found(const Event& event);
  Step on_poll(const Event& event);
  Step on_stopped(const Event& event);
  Step on_listed(const Event& event);
  Step on_collected(const Event& event);
  Step on_removed(const Event& event);

  // What answers lead to.
  Step make_unsure(std::string_view why);
  Step no_job();
  Step observe(const JobObject& job);
  Step ended(const JobObject& job);
  Step no_results();
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
  [[nodiscard]] bool has_rows(std::size_t object) const;
  void note(std::string_view text);

  const provider::BatchContext& context_;
  State s_;
  std::string reason_;
};

}  // namespace weir::providers::bedrock
