// A batch's life: drive the adapter's step machine, watch its time, settle the members that got no row.
#include <fmt/format.h>

#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// A batch that outlives the provider's window by this much is cancelled; unheard of for twice as long, it is held.
constexpr std::chrono::hours kOverdue{2};
// To cancel, to collect, to send the tail before the deadline.
constexpr std::chrono::minutes kTailMargin{20};

}  // namespace

Result<void> JobEngine::feed(BatchRun& run, provider::BatchEvent event, Time now) {
  run.wake_at.reset();
  const provider::BatchContext context{.credentials = parts_.credentials,
                                       .limits = *parts_.provider.batch,
                                       .id = run.state.id,
                                       .items = run.state.items,
                                       .image_bytes = run.state.image_bytes,
                                       .model = parts_.model.name,
                                       .now = now};
  auto step = parts_.adapter.next(run.state.adapter_state, event, context);
  if (!step) {
    const provider::Finished held{.outcome = provider::Finished::Outcome::kHeld,
                                  .error = step.error()};
    return finish_batch(run, held);
  }
  return perform(run, std::move(*step), now);
}

Result<void> JobEngine::perform(BatchRun& run, provider::Step step, Time now) {
  run.state.adapter_state = std::move(step.state);
  if (step.view.provider_batch_id != run.state.view.provider_batch_id) run.state.confirmed = false;
  run.state.view = std::move(step.view);
  run.dirty = must_commit_ = true;
  if (!step.reason.empty()) reason(fmt::format("batch {}: {}", run.state.number, step.reason));
  const auto call = [&](Call::Kind kind, http::RequestPlan plan, std::string operation) {
    const auto id = next_call_++;
    batch_calls_.emplace(id, run.state.number);
    calls_.push_back({.id = id,
                      .kind = kind,
                      .plan = std::move(plan),
                      .image_path = image_path(run.state.number),
                      .operation = std::move(operation)});
  };
  if (auto* send = std::get_if<provider::Send>(&step.action)) {
    call(Call::Kind::kBatchStep, std::move(send->plan), std::move(send->operation));
  } else if (const auto* wait = std::get_if<provider::Wait>(&step.action)) {
    run.wake_at = now + wait->duration;
  } else if (auto* collect = std::get_if<provider::Collect>(&step.action)) {
    run.artefact = collect->artefact;
    run.splitter.emplace(parts_.provider.batch->line_bytes_max);
    call(Call::Kind::kRows, std::move(collect->plan), "collect " + collect->artefact);
  } else {
    return finish_batch(run, std::get<provider::Finished>(step.action));
  }
  return {};
}

Result<void> JobEngine::batch_timers(Time now) {
  std::vector<std::uint64_t> due;
  for (const auto& [number, run] : batches_)
    if (run.wake_at && *run.wake_at <= now) due.push_back(number);
  for (const auto number : due) {
    auto& run = batches_.at(number);
    const Time due_by =
        run.state.view.created_at.value_or(run.state.planned_at) + parts_.provider.batch->window;
    const bool late = options_.deadline && now + kTailMargin >= *options_.deadline;
    const bool overdue = now > due_by + kOverdue;
    if (run.cancel_asked && now > due_by + 2 * kOverdue) {
      const provider::Finished held{
          .outcome = provider::Finished::Outcome::kHeld,
          .error = {.kind = ErrorKind::kBadResponse,
                    .message = "it neither ends nor is cancelled",
                    .hint = "look at the batch in the provider's console"}};
      WEIR_CHECK(finish_batch(run, held));
      continue;
    }
    auto kind = provider::BatchEvent::Kind::kTimer;
    if ((late || overdue) && !run.cancel_asked) {
      run.cancel_asked = true;
      kind = provider::BatchEvent::Kind::kCancel;
      reason(fmt::format("batch {} was cancelled: {}", number,
                         late ? "the deadline is near" : "it outlived the provider's window"));
    }
    WEIR_CHECK(feed(run, {.kind = kind}, now));
  }
  return {};
}

Result<void> JobEngine::finish_batch(BatchRun& run, const provider::Finished& finished) {
  using Outcome = provider::Finished::Outcome;
  run.dirty = must_commit_ = true;
  auto& state = run.state;
  if (state.priming) job_.primed = true;  // whatever became of it: no second one
  if (finished.outcome == Outcome::kHeld) {
    state.phase = BatchPhase::kHeld;
    state.reason = finished.error.text();
    ++batches_held_;  // its ceiling stays reserved: what it costs is not known
    reason(fmt::format("batch {} is held: {}", state.number, state.reason));
    return {};
  }
  release(state.ceiling);
  images_done_.push_back(image_path(state.number));
  state.image_kept = false;
  ++batches_ended_;
  if (finished.outcome == Outcome::kEnded) {
    state.phase = BatchPhase::kEnded;
    observe_hits(run);
    return settle_members(run, false,
                          fmt::format("batch {} ended ({}) without a result for it", state.number,
                                      state.view.status));
  }
  state.phase = BatchPhase::kRefused;
  state.reason = finished.error.text();
  reason(fmt::format("batch {} was refused: {}", state.number, state.reason));
  if (finished.error.kind == ErrorKind::kUnauthenticated) stopped_ = finished.error;
  if (finished.line) WEIR_CHECK(refuse_line(run, finished));
  const bool fallback = !finished.line && finished.error.kind != ErrorKind::kUnauthenticated &&
                        finished.error.kind != ErrorKind::kCancelled;
  return settle_members(
      run, fallback, fmt::format("batch {} was refused: {}", state.number, finished.error.message));
}

// The provider named the bad line: that item fails, the others go into a new batch.
Result<void> JobEngine::refuse_line(BatchRun& run, const provider::Finished& finished) {
  std::uint64_t line = 0;
  for (std::uint64_t sequence = 0; sequence < run.state.sequences; ++sequence) {
    const auto item = *run.state.item_of(sequence);
    WEIR_TRY(const auto end, log_->end_of(item));
    if (end == ItemEnd::kNone &&
        ++line == *finished.line)  // the others were rejected, and have no line
      return end_failed(item, ResultLog::kNoSequence, finished.error);
  }
  return {};
}

// Members without an end and without a retry never ran: they are planned again, or go by the standard API.
Result<void> JobEngine::settle_members(BatchRun& run, bool fallback, const std::string& why) {
  std::uint64_t again = 0;
  for (std::uint64_t sequence = 0; sequence < run.state.sequences; ++sequence) {
    const auto item = *run.state.item_of(sequence);
    WEIR_TRY(const auto end, log_->end_of(item));
    if (end != ItemEnd::kNone || left_batch(item)) continue;
    auto& row = deviate(item, ItemRow::State::kReplan, why);
    ++row.replans;
    ++again;
    if (!fallback && row.replans <= kReplansMax && !run.cancel_asked) continue;
    row.state = ItemRow::State::kRetrySync;
    retry_due_[item] = Time{};
  }
  if (again > 0)
    reason(
        fmt::format("batch {}: {} items without a result are done again", run.state.number, again));
  return {};
}

void JobEngine::observe_hits(const BatchRun& run) {
  if (run.state.priming || !job_.marking || job_.plan.cache.policy != llm::CachePolicy::kMarked ||
      run.answers < 20)
    return;
  const double seen = static_cast<double>(run.hits) / static_cast<double>(run.answers);
  if (plan::marking_pays(job_.plan.cache, seen)) return;
  job_.marking = false;
  reason(
      fmt::format("the cache hit rate was {:.0f} %, below the break-even of {:.0f} %: later "
                  "requests are not marked",
                  seen * 100, job_.plan.cache.hit_rate_break_even * 100));
}

}  // namespace weir::engine
