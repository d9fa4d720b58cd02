#pragma once
// One step of the batch machine: made from a state, takes one event, gives the next Step.
#include <string>

#include "provider/adapter.h"
#include "providers/gemini/batch.h"
#include "providers/gemini/batch_state.h"
#include "providers/gemini/wire.h"

namespace weir::providers::gemini {

class Machine {
 public:
  /// Borrows options and context for one call.
  Machine(const provider::gemini::Options& options, const provider::BatchContext& context,
          State state)
      : options_(options), context_(context), state_(std::move(state)) {}

  provider::Step start() { return open_upload(); }
  Result<provider::Step> on(const provider::BatchEvent& event);

 private:
  using Step = provider::Step;
  using Event = provider::BatchEvent;

  // The steps: each sets where the machine stands and gives its action.
  Step open_upload();
  Step upload(std::uint64_t offset);
  Step query_upload();
  Step create();
  Step list();
  Step relist();
  Step poll();
  Step cancel();
  Step collect();
  Step remove_file();
  Step remove_batch();
  Step finish();
  Step perform();  // the step at state_.at

  // Events.
  Step on_restarted();
  Step on_cancel();
  Step on_settle(const provider::Settlement& settlement);
  Step on_answer(const Event& event);  // or that none came
  Step on_opened(const Event& event);
  Step on_uploaded(const Event& event);
  Step on_queried(const Event& event);
  Step on_create(const Event& event);
  Step on_list(const Event& event);
  Step on_poll(const Event& event);
  Step on_cancel_answer(const Event& event);
  Step on_collected(const Event& event);
  Step on_removed(const Event& event);

  // What answers lead to.
  Step uploaded(json::Value answer);
  Step upload_again(At at, Error error);
  Step create_unknown(Time since, std::string_view why);
  Step create_again(Error error);
  Step none_listed();
  Step observe(const BatchObject& batch, const http::Response& response);
  Step settle(const BatchObject& batch);
  Step no_output(const BatchObject& batch);
  Step refuse(Error error);
  Step hold(Error error);
  Step not_ours();

  // Helpers.
  void go(At at);
  Step act(decltype(Step::action) action);
  Step send(std::string operation, http::RequestPlan plan);
  Step later(At at, Duration duration);
  [[nodiscard]] std::string batch_id() const;
  [[nodiscard]] Duration backoff() const;
  [[nodiscard]] Duration backoff(const Error& error) const;
  [[nodiscard]] Error error_of(const Event& event) const;
  [[nodiscard]] Error error(ErrorKind kind, std::string message, std::string hint = {}) const;
  void note(std::string_view text);

  const provider::gemini::Options& options_;
  const provider::BatchContext& context_;
  State state_;
  std::string reason_;
};

}  // namespace weir::providers::gemini
