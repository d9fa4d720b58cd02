// The user gives the job up: what runs is stopped, what it finished is taken, the rest ends cancelled.
#include "engine/job_engine.h"

namespace weir::engine {
namespace {

constexpr std::uint64_t kCancelledPerTurn = 5000;

}  // namespace

Error JobEngine::job_cancelled() {
  return {.kind = ErrorKind::kCancelled, .message = "the job was cancelled"};
}

Result<void> JobEngine::cancel() {
  if (job_.cancel_wanted || job_.phase == JobPhase::kDone) return {};
  job_.cancel_wanted = true;
  reason("the job was cancelled");
  return noted(commit_now("cancel"));
}

Result<void> JobEngine::cancel_turn(Time now) {
  if (filling_) WEIR_CHECK(drop_filling());
  std::vector<std::uint64_t>
      waiting;  // a batch with a request under way is told when it is answered
  for (const auto& [number, run] : batches_)
    if (run.wake_at && (run.state.stop == StopCause::kNone || *run.wake_at <= now))
      waiting.push_back(number);
  for (const auto number : waiting) {
    auto& run = batches_.at(number);
    const bool told = run.state.stop != StopCause::kNone;
    if (!told) run.state.stop = StopCause::kUser;
    using Kind = provider::BatchEvent::Kind;
    WEIR_CHECK(feed(run, {.kind = told ? Kind::kTimer : Kind::kCancel}, now));
  }
  if (!flights_.empty() || running() > 0) return {};
  for (std::uint64_t count = 0; cancelled_to_ < job_.items && count < kCancelledPerTurn; ++count) {
    const auto item = cancelled_to_++;
    WEIR_TRY(const auto end, log_->end_of(item));
    if (end == ItemEnd::kNone)
      WEIR_CHECK(end_failed(item, ResultLog::kNoSequence, job_cancelled(), ItemEnd::kCancelled));
  }
  return {};
}

}  // namespace weir::engine
