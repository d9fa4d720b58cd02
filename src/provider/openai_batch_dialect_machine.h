#pragma once
// One step of the batch machine: made from a state, takes one event, gives the next Step. Internal
// to the dialect.
#include <string>

#include "provider/adapter.h"
#include "provider/openai_batch_dialect.h"
#include "provider/openai_batch_dialect_state.h"
#include "provider/openai_batch_dialect_wire.h"

namespace weir::provider::openai_batch {

class Machine {
 public:
  /// Borrows options and context for one call.
  Machine(const Options& options, const BatchContext& context, State state)
      : options_(options), context_(context), state_(std::move(state)) {}

  Step start() { return upload(); }
  Result<Step> on(const BatchEvent& event);

 private:
  // The steps: each sets where the machine stands and gives its action.
  Step upload();
  Step create();
  Step list();
  Step relist();
  Step poll();
  Step cancel();
  Step collect();
  Step collect_page();
  Step remove();
  Step finish();
  Step perform();  // the step at state_.at

  // Events.
  Step on_restarted();
  Step on_cancel();
  Step on_settle(const Settlement& settlement);
  Step on_upload(const BatchEvent& event);
  Step on_create(const BatchEvent& event);
  Step on_list(const BatchEvent& event);
  Step on_poll(const BatchEvent& event);
  Step on_cancel_answer(const BatchEvent& event);
  Step on_collected(const BatchEvent& event);
  Step on_page(const BatchEvent& event);
  Step on_removed(const BatchEvent& event);

  // What answers lead to.
  Step create_unknown(Time since, std::string_view why);
  Step create_again(Error error);
  Step none_listed();
  Step observe(const BatchObject& batch, const http::Response& response);
  Step settle(const BatchObject& batch);
  Step refuse(Error error);
  Step hold(Error error);
  Step not_ours();

  // Helpers.
  void go(At at);
  Step act(decltype(Step::action) action);
  Step send(std::string operation, http::RequestPlan plan);
  Step later(At at, Duration duration);
  [[nodiscard]] Duration backoff() const;
  [[nodiscard]] Duration backoff(const Error& error) const;
  [[nodiscard]] Error error_of(const BatchEvent& event) const;
  [[nodiscard]] Error cancelled_error() const;
  [[nodiscard]] bool is_ours(const BatchObject& batch) const;
  bool lasts(const BatchObject& batch);
  void note(std::string_view text);

  const Options& options_;
  const BatchContext& context_;
  State state_;
  std::string reason_;
};

}  // namespace weir::provider::openai_batch
