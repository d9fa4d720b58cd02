#include "engine/job_engine.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::engine {
namespace {

// Settled entries that wait for a commit: bounds memory and what a crash makes us read again.
constexpr std::size_t kPendingMax = 2048;
constexpr std::size_t kReasonsMax = 200;
constexpr std::uint64_t kOutputChunk = 4U << 20;
constexpr std::uint64_t kItemsMax = PlanEntry::kNobody;

}  // namespace

JobEngine::JobEngine(JobOptions options, JobParts parts)
    : options_(std::move(options)),
      parts_(parts),
      own_account_(parts.account ? nullptr : std::make_unique<Account>(options_.concurrency_max)),
      account_(parts.account ? parts.account : own_account_.get()),
      seat_(account_->join()),
      hits_account_(options_.identity.endpoint + " " + options_.identity.key_digest) {}

JobEngine::~JobEngine() {
  for (const auto& [number, run] : batches_) account_->batches().dequeue(run.state.id);
  account_->leave(seat_);
}

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
  job_.deadline = options_.deadline;
  job_.started_at = now;
  job_.shape = {.items = job_.items};
  for (const auto& why : options_.reasons) reason(why);
  if (job_.items > kItemsMax)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the job has {} items, at most {} are possible", job_.items, kItemsMax),
                "split the input");
  // As a rule all items have the same.
  if (const auto first = job_.items > 0 ? parts_.source.item(0) : Result<Item>(Item{}))
    formats_ = first->request.format.has_value();
  WEIR_CHECK(plan::check_wish(plan_input(now)));
  WEIR_TRY(log_,
           ResultLog::open(parts_.files, options_.folder, options_.output_path, job_.items, 0, {}));
  WEIR_CHECK(log_->recover([](const ResultLog::Record&) { return false; }));
  WEIR_TRY(plan_, PlanSegment::open(parts_.files, options_.folder, 0));
  return commit_now("begin");
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
    WEIR_CHECK(answer_repeats());
    WEIR_TRY(const auto after, log_->extend_output(kOutputChunk));
    if (after.items == before.items) return {};
    job_.output = after;
    job_dirty_ = true;
    if (!all) return {};
  }
}

Result<void> JobEngine::commit_now(std::string name) {
  if (broken_) return std::unexpected(*broken_);
  WEIR_CHECK(log_->sync());
  WEIR_CHECK(plan_->sync());
  job_.segment_bytes = log_->segment_bytes();
  job_.plan_entries = plan_->entries();
  Commit commit{.fence = options_.fence, .name = std::move(name)};
  commit.aggregates.push_back(
      {AggregateKind::kJob, 0, job_.identity.account, job_version_, job_.encode()});
  for (auto& [number, run] : batches_)
    if (run.dirty)
      commit.aggregates.push_back(
          {AggregateKind::kBatch, number, job_.identity.account, run.version, run.state.encode()});
  if (content_ && content_->dirty)
    commit.aggregates.push_back({AggregateKind::kContent, content_->state.number,
                                 job_.identity.account, content_->version,
                                 content_->state.encode()});
  commit.ledger = ledger_pending_;
  commit.ledger_repeats = answers_undone_;
  std::sort(rows_dirty_.begin(), rows_dirty_.end());
  rows_dirty_.erase(std::unique(rows_dirty_.begin(), rows_dirty_.end()), rows_dirty_.end());
  for (const auto item : rows_dirty_)
    if (const auto row = deviating_.find(item); row != deviating_.end())
      commit.items.push_back(row->second);
  commit.items_ended = rows_ended_;
  WEIR_CHECK(parts_.store.commit(commit));
  ++job_version_;
  for (auto& [number, run] : batches_)
    if (std::exchange(run.dirty, false)) ++run.version;
  if (content_ && std::exchange(content_->dirty, false)) ++content_->version;
  if (content_ && content_->state.phase == ContentPhase::kGone) content_.reset();
  for (const auto& seen : std::exchange(hits_untold_, {}))
    parts_.new_hits->observe(hits_key(), seen.hits, seen.due, seen.at);
  ledger_pending_.clear();
  answers_undone_.clear();
  rows_dirty_.clear();
  rows_ended_.clear();
  for (const auto slot : slots_settled_) parts_.journal.release(slot);
  slots_settled_.clear();
  for (const auto& path : images_done_) WEIR_CHECK(parts_.files.remove(path));
  images_done_.clear();
  std::erase_if(batches_,
                [](const auto& entry) { return entry.second.state.phase != BatchPhase::kRunning; });
  job_dirty_ = must_commit_ = false;
  return {};
}

Result<void> JobEngine::flush() {
  if (!unsettled() && !job_dirty_) return {};
  WEIR_CHECK(noted(extend_output(false)));
  return noted(commit_now("flush"));
}

Result<Turn> JobEngine::take_turn(Time now) {
  if (broken_) return std::unexpected(*broken_);
  if (job_.phase == JobPhase::kRunning && !stopped_) {
    WEIR_CHECK(content_turn(now));
    if (job_.cancel_wanted) {
      WEIR_CHECK(cancel_turn(now));
    } else if (!draining_) {
      WEIR_CHECK(batch_timers(now));
      if (!job_.planned) {
        WEIR_CHECK(plan_job(now));
        WEIR_CHECK(content_turn(now));
      }
      if (job_.planned && job_.plan.route == llm::Route::kBatch) WEIR_CHECK(plan_batches(now));
      if (job_.planned) WEIR_CHECK(send_sync(now));
    }
  }
  const bool crowded =
      ledger_pending_.size() + rows_dirty_.size() + slots_settled_.size() > kPendingMax ||
      parts_.journal.free_slots() < options_.concurrency_max;
  if (must_commit_ || crowded) {
    WEIR_CHECK(extend_output(false));
    WEIR_CHECK(commit_now(must_commit_ ? "step" : "settle"));
  }
  if (parts_.source.has_same() && flights_.empty() && running() == 0 && !filling_)
    WEIR_CHECK(extend_output(true));
  Turn out;
  out.calls = std::exchange(calls_, {});
  // A batch may still have something to tidy up at the provider.
  if (job_.phase == JobPhase::kRunning && complete() && batches_.empty() && !content_)
    WEIR_CHECK(finish(now));
  const bool quiet = flights_.empty() && batch_calls_.empty() && out.calls.empty() &&
                     !(content_ && content_->call != 0);
  out.done = job_.phase == JobPhase::kDone ||
             (quiet && (stopped_ || ((draining_ || out_of_work()) && content_rests())));
  if (out.done) {
    WEIR_CHECK(extend_output(true));
    WEIR_CHECK(commit_now("end"));
    return out;
  }
  out.wake_at = next_wake(now);
  if (quiet && !out.wake_at) WEIR_CHECK(expect_progress(out, now));
  else idle_ = false;
  return out;
}

// Nothing is under way, no time is waited for and the job is not done: the next turn finds something to do, or we have lost it.
Result<void> JobEngine::expect_progress(Turn& turn, Time now) {
  if (idle_)
    return fail(ErrorKind::kInternal,
                fmt::format("{} of {} items have ended and nothing is left to wait for",
                            counts_.ended(), job_.items),
                "run the same command: it goes on from the store");
  idle_ = true;
  turn.wake_at = now;
  return {};
}

std::size_t JobEngine::running() const {
  return static_cast<std::size_t>(std::count_if(
      batches_.begin(), batches_.end(),
      [](const auto& entry) { return entry.second.state.phase == BatchPhase::kRunning; }));
}

// Nothing runs and nothing can be begun, though items are left: the spend limit, or a batch that a human must look at.
bool JobEngine::out_of_work() const {
  if (running() > 0 || filling_) return false;
  if (spend_stopped_) return true;
  return batches_held_ > 0 && retry_due_.empty() && job_.next_place >= job_.items &&
         job_.parts.empty() &&
         std::none_of(deviating_.begin(), deviating_.end(), [](const auto& entry) {
           return entry.second.state == ItemRow::State::kReplan;
         });
}

Result<void> JobEngine::finish(Time now) {
  WEIR_CHECK(extend_output(true));
  if (job_.rebuilding) WEIR_CHECK(replace_output());
  job_.phase = JobPhase::kDone;
  job_.ended_at = now;
  return commit_now("done");
}

std::optional<Time> JobEngine::next_wake(Time now) const {
  if (stopped_) return std::nullopt;  // only what is in flight is awaited
  if (draining_) return content_wake(now);
  std::optional<Time> wake;
  const auto consider = [&](std::optional<Time> at) {
    if (at && (!wake || *at < *wake)) wake = at;
  };
  for (const auto& [number, run] : batches_) consider(run.wake_at);
  consider(content_wake(now));
  if (filling_ || !job_.planned) consider(now);
  if (job_.cancel_wanted && flights_.empty() && batches_.empty() && !complete()) consider(now);
  // A retry that is due and was not sent in this turn waits for an event, not for time.
  for (const auto& [item, due] : retry_due_)
    if (due > now) consider(due);
  if (account_->waits(seat_)) consider(account_->paused_until(now));
  // One that is over waits for what else keeps a batch from being begun.
  if (batch_pause_until_ && *batch_pause_until_ > now) consider(batch_pause_until_);
  return wake;
}

Progress JobEngine::progress() const {
  Progress p{.items = job_.items,
             .succeeded = counts_.succeeded,
             .failed = counts_.failed,
             .cancelled = counts_.cancelled,
             .in_flight = flights_.size()};
  p.retrying = deviating_.size();
  p.batches_running = batches_.size();
  p.batches_ended = batches_ended_;
  p.batches_held = batches_held_;
  p.spent = totals_.spent;
  p.exposure = totals_.exposure;
  p.reserved += reserved_;
  for (const auto& [number, run] : batches_) {
    p.in_batches += run.state.items;
    p.doing += fmt::format(
        "{}batch {} {}{}", p.doing.empty() ? "" : ", ", number,
        run.state.ahead == Ahead::kNone ? "" : fmt::format("({}) ", to_string(run.state.ahead)),
        run.state.view.status.empty() ? "submitting" : run.state.view.status);
  }
  if (planning_) p.doing = fmt::format("planning, item {} of {}", planning_->next, job_.items);
  if (filling_)
    p.doing +=
        fmt::format("{}encoding batch {}", p.doing.empty() ? "" : ", ", filling_->state.number);
  return p;
}

}  // namespace weir::engine
