// A batch's life: drive the adapter's step machine, watch its time, settle the members that got no row.
#include <fmt/format.h>

#include <algorithm>

#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// A batch that outlives the provider's window by this much is cancelled; unheard of for twice as long, it is held.
constexpr std::chrono::hours kOverdue{2};

// By the later of the two clocks: where ours is days ahead of the provider's, its batches have not outlived anything.
Time begun_at(const BatchState& batch) {
  return std::max(batch.view.created_at.value_or(batch.planned_at), batch.planned_at);
}

std::string_view explain(StopCause cause) {
  switch (cause) {
    case StopCause::kDeadline:
      return "what is left is done by the standard API before the deadline";
    case StopCause::kOverdue: return "it outlived its time";
    case StopCause::kSubmit: return "submitting it took too long";
    case StopCause::kUser: return "the job was cancelled";
    case StopCause::kNone: break;
  }
  return "";
}

}  // namespace

Result<void> JobEngine::feed(BatchRun& run, provider::BatchEvent event, Time now) {
  run.wake_at.reset();
  auto taken = ids_taken_;
  auto claimed = ids_claimed_;
  for (const auto& [number, other] : batches_) {
    const auto& id = other.state.view.provider_batch_id;
    if (number == run.state.number || id.empty()) continue;
    (other.state.unsure() ? claimed : taken).push_back(id);
  }
  const provider::BatchContext context{.credentials = parts_.credentials,
                                       .limits = *parts_.provider.batch,
                                       .id = run.state.id,
                                       .items = run.state.items,
                                       .image_bytes = run.state.image_bytes,
                                       .model = parts_.model.name,
                                       .now = now,
                                       .taken = taken,
                                       .claimed = claimed};
  auto step = parts_.adapter.next(run.state.adapter_state, event, context);
  if (!step) {
    const provider::Finished held{.outcome = provider::Finished::Outcome::kHeld,
                                  .error = step.error()};
    return finish_batch(run, held, now);
  }
  return perform(run, std::move(*step), now);
}

Result<void> JobEngine::perform(BatchRun& run, provider::Step step, Time now) {
  run.state.adapter_state = std::move(step.state);
  if (step.view.provider_batch_id != run.state.view.provider_batch_id) run.state.confirmed = false;
  watch(run, step.view, now);
  // What was done stays done, also where a later answer does not count it.
  if (!step.view.done && step.view.provider_batch_id == run.state.view.provider_batch_id)
    step.view.done = run.state.view.done;
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
    run.wake_at = wake_of(run, wait->duration, now);
  } else if (auto* collect = std::get_if<provider::Collect>(&step.action)) {
    run.artefact = collect->artefact;
    run.splitter.emplace(*collect, parts_.provider.batch->line_bytes_max);
    call(Call::Kind::kRows, std::move(collect->plan), "collect " + collect->artefact);
  } else {
    return finish_batch(run, std::get<provider::Finished>(step.action), now);
  }
  return {};
}

// Of a batch that does not run any more: no other can be the same one, unless it is held before its rows have told.
void JobEngine::keep_id(const BatchState& batch, bool held) {
  const auto& id = batch.view.provider_batch_id;
  if (!id.empty()) (held && batch.unsure() ? ids_claimed_ : ids_taken_).push_back(id);
}

// Why the batch should be stopped now; kNone: it should not, or was told already.
StopCause JobEngine::stop_cause(const BatchRun& run, Time now) const {
  const auto& state = run.state;
  if (state.stop != StopCause::kNone) return StopCause::kNone;
  const Time begun = begun_at(state);
  const Duration life = options_.batch_timeout.value_or(parts_.provider.batch->window + kOverdue);
  if (now > begun + life) return StopCause::kOverdue;
  if (state.view.provider_batch_id.empty() && now > state.planned_at + options_.fallback_timeout)
    return StopCause::kSubmit;
  if (options_.deadline && now >= latest_stop(run) && !in_time(run, now))
    return StopCause::kDeadline;
  return StopCause::kNone;
}

Result<void> JobEngine::batch_timers(Time now) {
  std::vector<std::uint64_t> due;
  for (const auto& [number, run] : batches_)
    if (run.wake_at && *run.wake_at <= now) due.push_back(number);
  for (const auto number : due) {
    auto& run = batches_.at(number);
    const Time due_by = begun_at(run.state) + parts_.provider.batch->window;
    // One that has ended is read, however late; and after an absence it is given time to tell how it stands.
    const Time given_up = std::max(due_by, run.resumed_at) + 2 * kOverdue;
    if (run.state.stop != StopCause::kNone && !run.state.view.ended_at && now > given_up) {
      const provider::Finished held{
          .outcome = provider::Finished::Outcome::kHeld,
          .error = {.kind = ErrorKind::kBadResponse,
                    .message = "it neither ends nor is cancelled",
                    .hint = "look at the batch in the provider's console"}};
      WEIR_CHECK(finish_batch(run, held, now));
      continue;
    }
    const auto cause = stop_cause(run, now);
    auto kind = provider::BatchEvent::Kind::kTimer;
    if (cause != StopCause::kNone) {
      run.state.stop = cause;
      kind = provider::BatchEvent::Kind::kCancel;
      reason(fmt::format("batch {} was stopped: {}", number, explain(cause)));
    }
    WEIR_CHECK(feed(run, {.kind = kind}, now));
  }
  return {};
}

Result<void> JobEngine::finish_batch(BatchRun& run, const provider::Finished& finished, Time now) {
  using Outcome = provider::Finished::Outcome;
  run.dirty = must_commit_ = true;
  auto& state = run.state;
  keep_id(state, finished.outcome == Outcome::kHeld);
  if (finished.outcome == Outcome::kHeld) {
    state.phase = BatchPhase::kHeld;
    state.reason = finished.error.text();
    state.settled = Settled::kNone;
    ++batches_held_;  // its ceiling stays reserved: what it costs is not known
    reason(fmt::format("batch {} is held: {}", state.number, state.reason));
    return {};
  }
  release(state.ceiling);
  account_->batches().dequeue(state.id);
  images_done_.push_back(image_path(state.number));
  state.image_kept = false;
  ++batches_ended_;
  if (state.settled == Settled::kNotMade || state.settled == Settled::kLost)
    return settled_by_hand(run, now);
  if (finished.outcome == Outcome::kRefused) return refused(run, finished, now);
  state.phase = BatchPhase::kEnded;
  job_.refusals_in_a_row = 0;
  queue_full_ = 0;
  observe_reads();
  tell_hits(now);
  const bool stopped = state.stop != StopCause::kNone;
  if (stopped) WEIR_CHECK(book_destroyed(run, now));
  const Error why{.kind = stopped ? ErrorKind::kDeadlineExceeded : ErrorKind::kUnavailable,
                  .message = fmt::format("batch {} ended ({}) without a result for it{}",
                                         state.number, state.view.status,
                                         stopped ? fmt::format(": {}", explain(state.stop)) : "")};
  return settle_members(run,
                        state.stop == StopCause::kUser ? Fate::kCancelled
                        : stopped                      ? Fate::kStandard
                                                       : Fate::kReplan,
                        why);
}

// Where a cancel destroys what was done, it may be billed and nobody will ever see it: it stays in the ledger as unknown.
Result<void> JobEngine::book_destroyed(BatchRun& run, Time now) {
  const auto& view = run.state.view;
  if (parts_.provider.batch->cancel_keeps_results || run.state.rows > 0 || view.done == 0)
    return {};
  for (std::uint64_t sequence = 0; sequence < run.state.members.count; ++sequence) {
    WEIR_TRY(const auto entry, member(run.state.members, sequence));
    WEIR_TRY(const bool open, is_open(entry.item));
    if (!open || left_batch(entry.item)) continue;
    WEIR_TRY(const auto ceiling, row_ceiling(entry, now));
    book_repeat({.batch = run.state.number,
                 .sequence = sequence,
                 .item = entry.item,
                 .outcome = cost::LedgerEntry::Outcome::kUnknown,
                 .priced_at = view.created_at.value_or(run.state.planned_at),
                 .cost = ceiling});
  }
  reason(
      fmt::format("batch {}: its cancel destroyed what was done of it; what that cost is unknown",
                  run.state.number));
  return {};
}

// Members without an end and without a retry never ran.
Result<void> JobEngine::settle_members(BatchRun& run, Fate fate, const Error& why) {
  std::uint64_t again = 0;
  for (std::uint64_t sequence = 0; sequence < run.state.members.count; ++sequence) {
    WEIR_TRY(const auto entry, member(run.state.members, sequence));
    const auto item = entry.item;
    WEIR_TRY(const bool open, is_open(item));
    if (!open || left_batch(item)) continue;
    if (fate == Fate::kCancelled) {
      WEIR_CHECK(end_failed(item, ResultLog::kNoSequence, job_cancelled(), ItemEnd::kCancelled));
      continue;
    }
    ++again;
    if (fate == Fate::kReplan) {
      auto& row = deviate(entry, ItemRow::State::kReplan, why.message);
      if (++row.replans <= kReplansMax) continue;
    }
    WEIR_CHECK(fall_back(entry, why, Time{}));
  }
  if (again > 0)
    reason(fmt::format("batch {}: {} items without a result {}", run.state.number, again,
                       fate == Fate::kStandard && !options_.fallback_to_standard
                           ? "fail: the standard API is not allowed"
                           : "are done again"));
  return {};
}

// By the standard API, where that is allowed; else the item fails for the reason that brought it here.
Result<void> JobEngine::fall_back(const PlanEntry& entry, const Error& why, Time due) {
  if (!options_.fallback_to_standard) return end_failed(entry.item, ResultLog::kNoSequence, why);
  deviate(entry, ItemRow::State::kRetrySync, why.message);
  retry_due_[entry.item] = due;
  return {};
}

}  // namespace weir::engine
