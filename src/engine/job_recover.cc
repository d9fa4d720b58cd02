// What an earlier process left: its aggregates, the answers it wrote and did not commit, the attempts it sent and did not settle.
#include <fmt/format.h>

#include <algorithm>

#include "engine/job_engine.h"
#include "json/value.h"

namespace weir::engine {
namespace {

// The rest of a wait is reckoned from the clock of the process that began it, which may have been days ahead of this one's.
constexpr std::chrono::minutes kWaitAtRestartMax{10};

}  // namespace

Result<void> JobEngine::resume(std::vector<LoadedAggregate> loaded, Time now) {
  std::uint64_t last_batch = 0;
  for (const auto& aggregate : loaded) {
    if (aggregate.kind == AggregateKind::kJob) {
      WEIR_TRY(job_, JobState::decode(aggregate.state));
      job_version_ = aggregate.version;
    } else if (aggregate.kind == AggregateKind::kContent) {
      WEIR_CHECK(resume_content(aggregate, now));
    } else {
      WEIR_CHECK(load_batch(aggregate, now));
      last_batch = std::max(last_batch, aggregate.number);
    }
  }
  if (const auto changed = difference(job_.identity, options_.identity); !changed.empty())
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} belongs to another job: {}", options_.output_path, changed),
                "undo the change, choose another output, or begin again with --restart");
  options_.deadline = job_.deadline;
  WEIR_TRY(job_.output, output_so_far());
  WEIR_TRY(log_, ResultLog::open(parts_.files, options_.folder, output_file(), job_.items,
                                 job_.segment_bytes, job_.output));
  WEIR_TRY(plan_, PlanSegment::open(parts_.files, options_.folder, job_.plan_entries));
  // Images that were begun and not finished; the number of the last one may not be committed.
  for (auto number = last_batch + 1; number <= job_.batches + 1; ++number)
    images_done_.push_back(image_path(number));
  WEIR_TRY(auto rows, parts_.store.load_items());
  for (auto& row : rows) {
    WEIR_CHECK(log_->reopen(row.item));  // an item with a row is open, whatever its slot still says
    deviating_.emplace(row.item, std::move(row));
  }
  WEIR_CHECK(recover_journal());
  WEIR_TRY(counts_, log_->count());
  // A power loss may have taken the intents of the last requests, and left the places that they were sent from: those are gone
  // over again, which skips what has ended or waits to be tried again.
  const auto sent = job_.plan.route == llm::Route::kSync ? job_.next_place : 0;
  for (std::uint64_t place = 0; place < sent && job_.next_place == sent; ++place) {
    WEIR_TRY(const auto entry, member(order(), place));
    WEIR_TRY(const bool open, is_open(entry.item));
    if (open && !deviating_.contains(entry.item)) job_.next_place = place;
  }
  for (const auto& [item, row] : deviating_)
    if (row.state == ItemRow::State::kRetrySync) retry_due_[item] = now;
  WEIR_CHECK(commit_now("recover"));
  for (auto& [number, run] : batches_) {
    run.resumed_at = now;
    WEIR_CHECK(feed(run, {.kind = provider::BatchEvent::Kind::kRestarted}, now));
    enqueue(run.state);
    if (run.wake_at) run.wake_at = std::min(*run.wake_at, now + kWaitAtRestartMax);
  }
  return {};
}

Result<void> JobEngine::load_batch(const LoadedAggregate& aggregate, Time now) {
  BatchRun run;
  WEIR_TRY(run.state, BatchState::decode(aggregate.state));
  run.version = aggregate.version;
  const auto phase = run.state.phase;
  account_->batches().created(run.state.planned_at, now);
  if (phase != BatchPhase::kRunning) keep_id(run.state, phase == BatchPhase::kHeld);
  if (phase == BatchPhase::kEnded || phase == BatchPhase::kRefused) {
    ++batches_ended_;
    images_done_.push_back(
        image_path(run.state.number));  // in case the process died between commit and removal
    return {};
  }
  reserve(run.state.ceiling);
  if (phase == BatchPhase::kHeld) ++batches_held_;
  else batches_.emplace(run.state.number, std::move(run));
  return {};
}

// What the last process sent and did not commit: answers that reached the segment count, the rest is unknown.
Result<void> JobEngine::recover_journal() {
  std::map<std::uint64_t, JournalEntry> left;  // by sequence
  for (auto& entry : parts_.journal.entries()) left.emplace(entry.sequence, entry);
  if (!left.empty()) next_sequence_ = std::max(next_sequence_, left.rbegin()->first + 1);
  WEIR_CHECK(parts_.store.visit_ledger([&](const cost::LedgerEntry& entry) {
    totals_.add(entry);
    if (entry.batch != 0) {
      if (!entry.answered) repeats_.emplace(entry.batch, entry.sequence);
      return true;
    }
    next_sequence_ = std::max(next_sequence_, entry.sequence + 1);
    const auto settled = left.find(entry.sequence);  // committed, not yet released
    if (settled == left.end()) return true;
    slots_settled_.push_back(settled->second.slot);
    left.erase(settled);
    return true;
  }));
  sync_primed_ = !prefixes_shared() || totals_.answers > 0;
  std::set<std::uint64_t> answered;
  WEIR_CHECK(log_->recover([&](const ResultLog::Record& record) {
    if (record.batch != 0) return false;
    const auto found = left.find(record.sequence);
    if (record.sequence == ResultLog::kNoSequence || found == left.end()) return false;
    auto& entry = found->second;
    if (entry.outcome == JournalEntry::Outcome::kOpen) {
      // The record was written, the journal was not yet: the output line tells what was billed.
      json::Parser parser;
      const auto line = parser.parse(record.line);
      const bool billed = line && line->find("usage").has_value();
      entry.outcome = billed ? JournalEntry::Outcome::kBilled : JournalEntry::Outcome::kNotBilled;
      entry.priced_at = entry.sent_at;
      if (billed) entry.usage = usage_of_line(*line);
    }
    answered.insert(record.sequence);
    return true;
  }));
  for (const auto& [sequence, entry] : left)
    WEIR_CHECK(settle_left_over(entry, answered.contains(sequence)));
  if (!left.empty())
    reason(fmt::format("an earlier process ended with {} sync attempts unsettled", left.size()));
  return {};
}

Result<void> JobEngine::settle_left_over(const JournalEntry& entry, bool answered) {
  using Outcome = JournalEntry::Outcome;
  slots_settled_.push_back(entry.slot);
  const bool billed = entry.outcome == Outcome::kBilled;
  const bool free = entry.outcome == Outcome::kNotBilled;
  if (billed) {
    book(billed_entry({.sequence = entry.sequence,
                       .attempt = entry.attempt,
                       .item = entry.item,
                       .answered = answered,
                       .priced_at = entry.priced_at,
                       .usage = entry.usage},
                      llm::Route::kSync));
  } else if (!free) {
    book({.sequence = entry.sequence,
          .attempt = entry.attempt,
          .item = entry.item,
          .outcome = cost::LedgerEntry::Outcome::kUnknown,
          .priced_at = entry.sent_at,
          .cost = entry.ceiling});
  }
  if (entry.item >= job_.items) return {};
  WEIR_TRY(const auto end, log_->end_of(entry.item));
  if (end != ItemEnd::kNone) {
    if (deviating_.erase(entry.item) != 0) rows_ended_.push_back(entry.item);
    return {};
  }
  auto& row = deviate(
      unplaced(entry.item), ItemRow::State::kRetrySync,
      free     ? "an earlier process ended before the retry"
      : billed ? "the process ended before the answer was written"
               : "the process ended while an attempt was on its way; its outcome is unknown");
  if (free || ++row.attempts < options_.attempts_max) return {};
  // Without a sequence: if this process dies before its commit, the next one settles the attempt anew.
  return end_failed(
      entry.item, ResultLog::kNoSequence,
      {.kind = ErrorKind::kDeadlineExceeded,
       .message = fmt::format("given up after {} attempts; the process ended during the last one",
                              row.attempts),
       .hint = "what it may have cost is shown as exposure"});
}

}  // namespace weir::engine
