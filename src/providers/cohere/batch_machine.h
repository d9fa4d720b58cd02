#pragma once
// One step of the batch machine: made from a state, takes one event, gives the next Step. Internal to the provider.
//
//   upload ─> ready ─> create ─> poll ─> locate ─> collect (for each part) ─> remove ─> done
//                        └unknown: list, until the batch of our name is found or surely is not there
//
// Links to results are asked for anew before each part, and never journalled.
// Doc: https://docs.cohere.com/reference/create-batch (reference of 2026-11-23)
#include <string>

#include "provider/adapter.h"
#include "providers/cohere/batch_state.h"
#include "providers/cohere/batch_wire.h"

namespace weir::providers::cohere {

/// Adapter::next. @error kInternal the state is not one of this machine's, or the event does not fit it.
Result<provider::Step> next_step(std::string_view state, const provider::BatchEvent& event,
                                 const provider::BatchContext& context);

class Machine {
 public:
  /// Borrows the context for one call.
  Machine(const provider::BatchContext& context, State state)
      : context_(context), s_(std::move(state)) {}

  Result<provider::Step> on(const provider::BatchEvent& event);
  provider::Step start() { return upload(); }

 private:
  using Step = provider::Step;
  using Event = provider::BatchEvent;

  // The steps: each sets where the machine stands and gives its action.
  Step perform();  // the step at s_.at
  Step upload();
  Step ready();
  Step create();
  Step list();
  Step relist();
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
  Step on_upload(const Event& event);
  Step on_ready(const Event& event);
  Step on_create(const Event& event);
  Step on_list(const Event& event);
  Step on_poll(const Event& event);
  Step on_cancelled(const Event& event);
  Step on_located(const Event& event);
  Step on_collected(const Event& event);
  Step on_removed(const Event& event);

  // What answers lead to.
  Step upload_again(Error error);
  Step create_again(Error error);
  Step create_unknown(std::string_view why);
  Step listed();
  Step none_listed();
  Step observe(const BatchObject& batch);
  Step ended(const BatchObject& batch);
  Step no_results();
  Step part(const DatasetObject& dataset);
  Step refuse(Error error);
  Step hold(Error error);

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

}  // namespace weir::providers::cohere
