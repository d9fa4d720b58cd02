#include "engine/job_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cost/pricing.h"
#include "json/value.h"

namespace weir::engine {
namespace {

// Settled entries that wait for a commit: bounds memory and what a crash makes us read again.
constexpr std::size_t kPendingMax = 2048;
constexpr std::size_t kReasonsMax = 200;
constexpr std::uint64_t kOutputChunk = 4U << 20;

}  // namespace

JobEngine::JobEngine(JobOptions options, JobParts parts)
    : options_(std::move(options)), parts_(parts), concurrency_(options_.concurrency_max) {}

Result<std::unique_ptr<JobEngine>> JobEngine::create(JobOptions options, JobParts parts, Time now) {
  std::unique_ptr<JobEngine> engine(new JobEngine(std::move(options), parts));
  WEIR_TRY(auto loaded, parts.store.load());
  if (loaded.empty()) WEIR_CHECK(engine->begin(now));
  else WEIR_CHECK(engine->resume(std::move(loaded), now));
  return engine;
}

Result<void> JobEngine::begin(Time now) {
  job_.id = JobId::make(now, parts_.random);
  job_.identity = options_.identity;
  job_.items = parts_.source.count();
  job_.started_at = now;
  job_.shape = {.items = job_.items,
                .prefix_bytes = options_.prefix_bytes,
                .variable_bytes_mean = options_.variable_bytes_mean};
  WEIR_TRY(job_.plan, plan::plan_job({.provider = parts_.provider,
                                      .model = parts_.model,
                                      .wish = options_.wish,
                                      .shape = job_.shape,
                                      .now = now,
                                      .deadline = options_.deadline,
                                      .caching = options_.caching}));
  reason(fmt::format("route {}: {}", llm::to_string(job_.plan.route), job_.plan.reason));
  reason("cache: " + job_.plan.cache.reason);
  job_.primed = !(job_.plan.route == llm::Route::kBatch && job_.plan.cache.prime);
  sync_primed_ = !job_.plan.cache.prime;
  WEIR_TRY(log_, ResultLog::open(parts_.files, options_.folder, options_.output_path, job_.items, 0, {}));
  WEIR_CHECK(log_->recover([](const ResultLog::Record&) { return false; }));
  return commit_now("begin");
}

Result<void> JobEngine::resume(std::vector<LoadedAggregate> loaded, Time now) {
  std::uint64_t last_batch = 0;
  for (auto& aggregate : loaded) {
    if (aggregate.kind == AggregateKind::kJob) {
      WEIR_TRY(job_, JobState::decode(aggregate.state));
      job_version_ = aggregate.version;
      continue;
    }
    BatchRun run;
    WEIR_TRY(run.state, BatchState::decode(aggregate.state));
    run.version = aggregate.version;
    if (run.state.phase == BatchPhase::kHeld) ++batches_held_;
    else if (run.state.phase != BatchPhase::kRunning) ++batches_ended_;
    last_batch = std::max(last_batch, run.state.number);
    const bool settled = run.state.phase == BatchPhase::kEnded || run.state.phase == BatchPhase::kRefused;
    if (!settled) reserved_ = reserved_ + run.state.ceiling;
    if (run.state.phase != BatchPhase::kRunning) continue;
    batches_.emplace(run.state.number, std::move(run));
  }
  if (const auto changed = difference(job_.identity, options_.identity); !changed.empty())
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} belongs to another job: {}", options_.output_path, changed),
                "undo the change, choose another output, or begin again with --restart");
  WEIR_TRY(log_, ResultLog::open(parts_.files, options_.folder, options_.output_path, job_.items,
                                 job_.segment_bytes, job_.output));
  // Images that an earlier process began and did not finish.
  for (auto number = last_batch + 1; number <= job_.batches; ++number)
    WEIR_CHECK(parts_.files.remove(image_path(number)));
  WEIR_TRY(auto rows, parts_.store.load_items());
  for (auto& row : rows) deviating_.emplace(row.item, std::move(row));
  WEIR_CHECK(recover_journal());
  WEIR_TRY(counts_, log_->count());
  for (const auto& [item, row] : deviating_)
    if (row.state == ItemRow::State::kRetrySync) retry_due_[item] = now;
  WEIR_CHECK(commit_now("recover"));
  for (auto& [number, run] : batches_)
    WEIR_CHECK(feed(run, {.kind = provider::BatchEvent::Kind::kRestarted}, now));
  return {};
}

// What the last process sent and did not commit: answers that reached the segment count, the rest is unknown.
Result<void> JobEngine::recover_journal() {
  std::map<std::uint64_t, JournalEntry> left;  // by sequence
  for (auto& entry : parts_.journal.entries()) left.emplace(entry.sequence, entry);
  if (!left.empty()) next_sequence_ = left.rbegin()->first + 1;
  WEIR_CHECK(parts_.store.visit_ledger([&](const cost::LedgerEntry& entry) {
    totals_.add(entry);
    if (entry.batch != 0) return true;
    next_sequence_ = std::max(next_sequence_, entry.sequence + 1);
    const auto settled = left.find(entry.sequence);  // committed, not yet released
    if (settled == left.end()) return true;
    slots_settled_.push_back(settled->second.slot);
    left.erase(settled);
    return true;
  }));
  sync_primed_ = !job_.plan.cache.prime || totals_.answers > 0;
  std::set<std::uint64_t> answered;
  WEIR_CHECK(log_->recover([&](const ResultLog::Record& record) {
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
  if (entry.outcome == Outcome::kBilled) {
    book(billed_entry({.sequence = entry.sequence, .attempt = entry.attempt, .item = entry.item,
                       .answered = answered, .priced_at = entry.priced_at, .usage = entry.usage},
                      llm::Route::kSync));
  } else if (entry.outcome != Outcome::kNotBilled) {
    book({.sequence = entry.sequence, .attempt = entry.attempt, .item = entry.item,
          .outcome = cost::LedgerEntry::Outcome::kUnknown, .priced_at = entry.sent_at, .cost = entry.ceiling});
  }
  if (entry.item >= job_.items) return {};
  WEIR_TRY(const auto end, log_->end_of(entry.item));
  if (end != ItemEnd::kNone) {
    if (deviating_.erase(entry.item) != 0) rows_ended_.push_back(entry.item);
    return {};
  }
  auto& row = deviate(entry.item, ItemRow::State::kRetrySync,
                      entry.outcome == Outcome::kNotBilled
                          ? "an earlier process ended before the retry"
                          : "the process ended while an attempt was on its way; its outcome is unknown");
  ++row.attempts;
  return {};
}

cost::LedgerEntry JobEngine::billed_entry(cost::LedgerEntry entry, llm::Route route) const {
  const auto& row = parts_.model.price_at(entry.priced_at);
  entry.cost = cost::cost_of(entry.usage, row, route);
  entry.baseline = cost::baseline_of(entry.usage, row);
  entry.uncached = cost::uncached_cost_of(entry.usage, row, route);
  return entry;
}

void JobEngine::book(const cost::LedgerEntry& entry) {
  ledger_pending_.push_back(entry);
  totals_.add(entry);
}

void JobEngine::reason(std::string text) {
  if (job_.reasons.size() >= kReasonsMax) return;
  if (std::find(job_.reasons.begin(), job_.reasons.end(), text) != job_.reasons.end()) return;
  job_.reasons.push_back(std::move(text));
  job_dirty_ = true;
}

Result<void> JobEngine::extend_output(bool all) {
  for (;;) {
    const auto before = log_->output();
    WEIR_TRY(const auto after, log_->extend_output(kOutputChunk));
    if (after.items == before.items) return {};
    job_.output = after;
    job_dirty_ = true;
    if (!all) return {};
  }
}

Result<void> JobEngine::commit_now(std::string name) {
  WEIR_CHECK(log_->sync());
  job_.segment_bytes = log_->segment_bytes();
  Commit commit{.fence = options_.fence, .name = std::move(name)};
  commit.aggregates.push_back({AggregateKind::kJob, 0, job_.identity.account, job_version_, job_.encode()});
  for (auto& [number, run] : batches_)
    if (run.dirty)
      commit.aggregates.push_back(
          {AggregateKind::kBatch, number, job_.identity.account, run.version, run.state.encode()});
  commit.ledger = ledger_pending_;
  std::sort(rows_dirty_.begin(), rows_dirty_.end());
  rows_dirty_.erase(std::unique(rows_dirty_.begin(), rows_dirty_.end()), rows_dirty_.end());
  for (const auto item : rows_dirty_)
    if (const auto row = deviating_.find(item); row != deviating_.end()) commit.items.push_back(row->second);
  commit.items_ended = rows_ended_;
  WEIR_CHECK(parts_.store.commit(commit));
  ++job_version_;
  for (auto& [number, run] : batches_)
    if (std::exchange(run.dirty, false)) ++run.version;
  ledger_pending_.clear();
  rows_dirty_.clear();
  rows_ended_.clear();
  for (const auto slot : slots_settled_) parts_.journal.release(slot);
  slots_settled_.clear();
  for (const auto& path : images_done_) WEIR_CHECK(parts_.files.remove(path));
  images_done_.clear();
  std::erase_if(batches_, [](const auto& entry) { return entry.second.state.phase != BatchPhase::kRunning; });
  job_dirty_ = must_commit_ = false;
  return {};
}

Result<void> JobEngine::flush() {
  if (!unsettled() && !job_dirty_) return {};
  WEIR_CHECK(extend_output(false));
  return commit_now("flush");
}

Result<Turn> JobEngine::turn(Time now) {
  if (job_.phase == JobPhase::kRunning && !stopped_) {
    if (!draining_) {
      WEIR_CHECK(batch_timers(now));
      if (job_.plan.route == llm::Route::kBatch) WEIR_CHECK(plan_batches(now));
      WEIR_CHECK(send_sync(now));
    }
  }
  const bool crowded = ledger_pending_.size() + rows_dirty_.size() + slots_settled_.size() > kPendingMax ||
                       parts_.journal.free_slots() < options_.concurrency_max;
  if (must_commit_ || crowded) {
    WEIR_CHECK(extend_output(false));
    WEIR_CHECK(commit_now(must_commit_ ? "step" : "settle"));
  }
  Turn out;
  out.calls = std::exchange(calls_, {});
  if (job_.phase == JobPhase::kRunning && complete()) WEIR_CHECK(finish(now));
  const bool quiet = flights_.empty() && batch_calls_.empty() && out.calls.empty();
  out.done = job_.phase == JobPhase::kDone || (quiet && (draining_ || stopped_ || out_of_work()));
  if (!out.done) out.wake_at = next_wake(now);
  if (out.done) {
    WEIR_CHECK(extend_output(true));
    WEIR_CHECK(commit_now("end"));
  }
  return out;
}

// Nothing runs and nothing can be begun, though items are left: the spend limit, or a batch that a human must look at.
bool JobEngine::out_of_work() const {
  if (!batches_.empty() || filling_) return false;
  if (spend_stopped_) return true;
  return batches_held_ > 0 && retry_due_.empty() && job_.next_item >= job_.items &&
         std::none_of(deviating_.begin(), deviating_.end(), [](const auto& entry) {
           return entry.second.state == ItemRow::State::kReplan;
         });
}

Result<void> JobEngine::finish(Time now) {
  WEIR_CHECK(extend_output(true));
  job_.phase = JobPhase::kDone;
  job_.ended_at = now;
  return commit_now("done");
}

std::optional<Time> JobEngine::next_wake(Time now) const {
  std::optional<Time> wake;
  const auto consider = [&](std::optional<Time> at) {
    if (at && (!wake || *at < *wake)) wake = at;
  };
  for (const auto& [number, run] : batches_) consider(run.wake_at);
  if (filling_) consider(now);
  // A retry that is due and was not sent in this turn waits for an event, not for time.
  for (const auto& [item, due] : retry_due_)
    if (due > now) consider(due);
  consider(sync_pause_until_);
  return wake;
}

Progress JobEngine::progress() const {
  Progress p{.items = job_.items, .succeeded = counts_.succeeded, .failed = counts_.failed,
             .cancelled = counts_.cancelled, .in_flight = flights_.size()};
  p.retrying = deviating_.size();
  p.batches_running = batches_.size();
  p.batches_ended = batches_ended_;
  p.batches_held = batches_held_;
  p.spent = totals_.spent;
  p.exposure = totals_.exposure;
  p.reserved += reserved_;
  for (const auto& [number, run] : batches_) {
    p.in_batches += run.state.items;
    p.doing += fmt::format("{}batch {} {}{}", p.doing.empty() ? "" : ", ", number,
                           run.state.priming ? "(priming) " : "",
                           run.state.view.status.empty() ? "submitting" : run.state.view.status);
  }
  if (filling_) p.doing += fmt::format("{}encoding batch {}", p.doing.empty() ? "" : ", ", filling_->state.number);
  return p;
}

}  // namespace weir::engine
