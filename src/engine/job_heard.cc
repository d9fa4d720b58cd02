// A provider says that a batch may have ended: its poll is due now. What is heard is never believed, only looked into.
#include <algorithm>
#include <utility>

#include "engine/job_engine.h"
#include "provider/webhook.h"

namespace weir::engine {
namespace {

// However often it is said, a batch is looked at so at most once in this time.
constexpr std::chrono::seconds kHeardEvery{5};

}  // namespace

bool JobEngine::hear(std::string_view provider_batch_id, Time now) {
  for (auto& [number, run] : batches_) {
    if (!provider::names_batch(provider_batch_id, run.state.view.provider_batch_id)) continue;
    if (run.state.phase != BatchPhase::kRunning || run.state.view.ended_at) return true;
    const Time at = run.look_at ? std::max(now, *run.look_at + kHeardEvery) : now;
    if (!run.wake_at) run.look_again = true;  // it is asked for, perhaps since before it ended
    else if (*run.wake_at > at) run.wake_at = run.look_at = at;
    return true;
  }
  return false;
}

Time JobEngine::wake_of(BatchRun& run, Duration wait, Time now) {
  const Time told = now + wait;
  if (!std::exchange(run.look_again, false)) return told;
  run.look_at = now + kHeardEvery;
  return std::min(told, *run.look_at);
}

}  // namespace weir::engine
