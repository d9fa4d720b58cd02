// Whether there is time: for a batch to end, for what it leaves over to be done by the standard API.
#include <algorithm>

#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// From the request to cancel until the batch stands still: minutes at every provider that says.
constexpr std::chrono::minutes kStopSettle{10};
// Rows collected a second, at least.
constexpr std::uint64_t kCollectPerSecond = 2000;

// Half as much again, for what goes wrong.
Duration rounds(std::uint64_t items, std::uint64_t concurrency, Duration latency) {
  const auto lanes = std::max<std::uint64_t>(concurrency, 1);
  return latency * static_cast<std::int64_t>((items + lanes - 1) / lanes) * 3 / 2;
}

}  // namespace

Duration sync_time_expected(std::uint64_t items, std::uint64_t concurrency) {
  return rounds(items, concurrency, kSyncLatency);
}

// With the concurrency and the latency seen lately.
Duration JobEngine::sync_time(std::uint64_t items) const {
  return rounds(items, account_->concurrency(), sync_latency_);
}

// When the batch must be stopped at the latest, so that its tail and that of the others is done in time.
Time JobEngine::latest_stop(const BatchRun& run) const {
  std::uint64_t tail = retry_due_.size();
  for (const auto& [number, other] : batches_)
    if (other.state.phase == BatchPhase::kRunning)
      tail += other.state.items - std::min(other.state.items, other.state.view.done.value_or(0));
  const Duration collect = std::chrono::seconds(run.state.items / kCollectPerSecond);
  // Where the tail could not be done in any case, a batch keeps the larger part of the time: it may yet end.
  const Duration most = (*options_.deadline - job_.started_at) / 3;
  return *options_.deadline - kStopSettle - collect - std::min(sync_time(tail), most);
}

void JobEngine::watch(BatchRun& run, const provider::BatchView& view, Time now) {
  if (!view.done) return;
  run.polled_at = now;
  if (run.seen_done && *run.seen_done == *view.done) return;
  if (run.seen_done && *view.done > *run.seen_done && now > run.seen_at)
    run.item_time = (now - run.seen_at) / static_cast<std::int64_t>(*view.done - *run.seen_done);
  run.seen_done = view.done;
  run.seen_at = now;
}

// Whether, at the pace seen last, it ends in half of the time that is left: then it is not stopped, however late it is.
bool JobEngine::in_time(const BatchRun& run, Time now) const {
  if (!run.item_time || !run.seen_done) return false;
  const auto left = run.state.items - std::min(run.state.items, *run.seen_done);
  const Duration pace =
      std::max(*run.item_time, run.polled_at - run.seen_at);  // a stall is a slower pace
  return now + pace * static_cast<std::int64_t>(left) <= now + (*options_.deadline - now) / 2;
}

bool JobEngine::time_for_a_batch(std::uint64_t items, Time now) const {
  if (!options_.deadline) return true;
  std::uint64_t running = 0;
  for (const auto& [number, run] : batches_)
    if (run.state.phase == BatchPhase::kRunning) running += run.state.items;
  return plan::time_for_batch(*options_.deadline - now, parts_.provider.batch->window,
                              sync_time(items + running));
}

}  // namespace weir::engine
