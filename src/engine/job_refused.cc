// A batch that the provider refused whole: it made none, nothing was paid.
#include <fmt/format.h>

#include <algorithm>

#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// One bad line is found in the halvings of a batch, 17 of 100,000. So many refusals with no batch taken between them are no
// line's fault.
constexpr std::uint64_t kRefusalsInARowMax = 24;
// Each costs an upload: a job with more bad lines than this finds the rest by the standard API.
constexpr std::uint64_t kRefusalsMax = 200;
// The provider's queue is full: waits from a minute to half an hour, for about a day and a half.
constexpr std::uint32_t kQueueFullMax = 80;
constexpr std::chrono::minutes kQueueWaitFirst{1}, kQueueWaitMax{30};

}  // namespace

Result<void> JobEngine::refused(BatchRun& run, const provider::Finished& finished, Time now) {
  auto& state = run.state;
  const auto kind = finished.error.kind;
  state.phase = BatchPhase::kRefused;
  state.reason = finished.error.text();
  reason(fmt::format("batch {} was refused: {}", state.number, state.reason));
  Error why = finished.error;
  why.message = fmt::format("batch {} was refused: {}", state.number, finished.error.message);
  if (kind ==
      ErrorKind::kUnauthenticated) {  // the next process, with a better key, plans them again
    stopped_ = finished.error;
    return settle_members(run, Fate::kReplan, why);
  }
  if (state.stop == StopCause::kUser) return settle_members(run, Fate::kCancelled, why);
  if (state.stop != StopCause::kNone) return settle_members(run, Fate::kStandard, why);
  if (kind == ErrorKind::kRateLimited && ++queue_full_ <= kQueueFullMax) {
    const Duration wait = std::min<Duration>(kQueueWaitFirst * queue_full_, kQueueWaitMax);
    batch_pause_until_ =
        now +
        (finished.error.retry_after ? std::max<Duration>(wait, *finished.error.retry_after) : wait);
    job_.parts.push_back({state.members});
    return {};
  }
  ++job_.refusals;
  ++job_.refusals_in_a_row;
  const bool by_line = finished.line || kind == ErrorKind::kInvalidArgument;
  if (by_line && job_.refusals <= kRefusalsMax && job_.refusals_in_a_row <= kRefusalsInARowMax) {
    if (finished.line) {
      WEIR_CHECK(refuse_line(run, finished));
      if (state.items > 1) job_.parts.push_back({state.members});
      return {};
    }
    if (state.items > 1) return send_in_halves(run);
  }
  return settle_members(run, Fate::kStandard, why);
}

// The provider named the bad line: that item fails, the others go again without it.
Result<void> JobEngine::refuse_line(BatchRun& run, const provider::Finished& finished) {
  std::uint64_t line = 0;
  for (std::uint64_t sequence = 0; sequence < run.state.members.count; ++sequence) {
    WEIR_TRY(const auto entry, member(run.state.members, sequence));
    WEIR_TRY(const bool open, is_open(entry.item));
    if (open && !left_batch(entry.item) && ++line == *finished.line)  // the others have no line
      return end_failed(entry.item, ResultLog::kNoSequence, finished.error);
  }
  return {};
}

// A bad line without a number: the half without it will be taken, the other is halved again.
Result<void> JobEngine::send_in_halves(BatchRun& run) {
  const auto& members = run.state.members;
  std::uint64_t first = 0, live = 0;  // sequences up to the middle of those that have a line
  while (first < members.count && live < run.state.items / 2) {
    WEIR_TRY(const auto entry, member(members, first++));
    WEIR_TRY(const bool open, is_open(entry.item));
    live += open && !left_batch(entry.item) ? 1 : 0;
  }
  job_.parts.push_back({{.planned = members.planned,
                         .first = members.first + first,
                         .count = members.count - first}});
  job_.parts.push_back({{.planned = members.planned, .first = members.first, .count = first}});
  reason(fmt::format("batch {} is sent again in halves, to find the line", run.state.number));
  return {};
}

}  // namespace weir::engine
