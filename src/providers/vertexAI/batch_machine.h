#pragma once
// One step of the batch machine: made from a state, takes one event, gives the next Step.
#include <string>

#include "provider/adapter.h"
#include "providers/vertexAI/batch.h"
#include "providers/vertexAI/batch_state.h"
#include "providers/vertexAI/wire.h"

namespace weir::providers::vertexAI {

class Machine {
 public:
  /// Borrows options and context for one call.
  Machine(const provider::gemini::Options& options, const provider::BatchContext& context,
          Site site, State state)
      : options_(options), context_(context), site_(std::move(site)), state_(std::move(state)) {}

  provider::Step start() { return upload(); }
  Result<provider::Step> on(const provider::BatchEvent& event);
  /// Nothing can be said to the provider: the settings are no good.
  provider::Step unusable(Error error);

 private:
  using Step = provider::Step;
  using Event = provider::BatchEvent;

  // The steps: each sets where the machine stands and gives its action.
  Step upload();
  Step create();
  Step list();
  Step relist();
  Step poll();
  Step cancel();
  Step files();
  Step collect();
  Step sweep();
  Step remove();
  Step finish();
  Step perform();  // the step at state_.at

  // Events.
  Step on_restarted();
  Step on_cancel();
  Step on_settle(const provider::Settlement& settlement);
  Step on_answer(const Event& event);  // or that none came
  Step on_uploaded(const Event& event);
  Step on_create(const Event& event);
  Step on_list(const Event& event);
  Step on_poll(const Event& event);
  Step on_cancel_answer(const Event& event);
  Step on_files(const Event& event);
  Step on_collected(const Event& event);
  Step on_sweep(const Event& event);
  Step on_removed(const Event& event);

  // What answers lead to.
  Step create_unknown(Time since, std::string_view why);
  Step create_again(Error error);
  Step listed();
  Step none_listed();
  Step observe(const Job& job, const http::Response& response);
  Step settle(const Job& job);
  Step all_read();
  Step refuse(Error error);
  Step hold(Error error);
  Step not_ours();

  // Helpers.
  void go(At at);
  Step act(decltype(Step::action) action);
  Step send(std::string operation, http::RequestPlan plan);
  Step later(At at, Duration duration);
  /// Turns to the next page of a list; false: that was the last, or the list does not end.
  bool turn_page(const std::string& next);
  [[nodiscard]] std::string output_of(const Job& job) const;
  [[nodiscard]] Duration backoff() const;
  [[nodiscard]] Duration backoff(const Error& error) const;
  [[nodiscard]] Error error_of(const Event& event) const;
  [[nodiscard]] Error error(ErrorKind kind, std::string message, std::string hint = {}) const;
  void note(std::string_view text);

  const provider::gemini::Options& options_;
  const provider::BatchContext& context_;
  Site site_;
  State state_;
  std::string reason_;
};

}  // namespace weir::providers::vertexAI
