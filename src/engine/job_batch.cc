// Batches: plan and write the image, drive the adapter's step machine, take the rows, settle what has none.
#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// A batch is filled to 90 % of the provider's limits: theirs are counted their way.
constexpr std::uint64_t filled(std::uint64_t limit) { return limit / 10 * 9; }
// Image bytes encoded in one turn: the engine answers events in between.
constexpr std::uint64_t kFillBytesPerTurn = 4U << 20;
constexpr std::uint64_t kImageBuffer = 1U << 20;
// Items that never ran wait for company before they make a batch of their own.
constexpr std::size_t kReplanMin = 1000;
// Rows that are handled but not committed: bounds memory and what a crash makes us read again.
constexpr std::size_t kRowsPerCommit = 1000;
// A batch that outlives the provider's window by this much is cancelled; unheard of for twice as long, it is held.
constexpr std::chrono::hours kOverdue{2};

}  // namespace

std::string JobEngine::image_path(std::uint64_t number) const {
  return fmt::format("{}/batch-{}.image", options_.folder, number);
}

bool JobEngine::deadline_near(Time now) const {
  return options_.deadline && *options_.deadline - now < parts_.provider.batch->window;
}

std::vector<std::uint64_t> JobEngine::replan_candidates() const {
  std::vector<std::uint64_t> out;
  for (const auto& [item, row] : deviating_) {
    if (row.state != ItemRow::State::kReplan) continue;
    out.push_back(item);
    if (out.size() == filled(parts_.provider.batch->requests_max)) break;
  }
  return out;
}

Result<void> JobEngine::plan_batches(Time now) {
  if (filling_) return fill(now);
  if (spend_stopped_ || stopped_ || batches_.size() >= options_.batches_running_max) return {};
  if (!job_.primed && !batches_.empty()) return {};  // the priming batch must end first
  if (job_.next_item < job_.items) return start_filling({}, now);
  const auto candidates = replan_candidates();
  if (candidates.empty() || (candidates.size() < kReplanMin && !batches_.empty())) return {};
  if (!deadline_near(now)) return start_filling(candidates, now);
  for (const auto item : candidates) {
    deviate(item, ItemRow::State::kRetrySync, "another batch could not end before the deadline");
    retry_due_[item] = now;
  }
  return {};
}

Result<void> JobEngine::start_filling(std::vector<std::uint64_t> candidates, Time now) {
  Filling filling;
  filling.state.number = ++job_.batches;
  filling.state.id = BatchId::make(now, parts_.random);
  filling.state.planned_at = now;
  filling.state.first_item = job_.next_item;
  filling.state.priming = !job_.primed && candidates.empty();
  filling.candidates = std::move(candidates);
  filling.path = image_path(filling.state.number);
  WEIR_TRY(filling.image, parts_.files.open(filling.path));
  WEIR_CHECK(filling.image->truncate(0));
  filling.buffer = parts_.adapter.image_format().head;
  filling_ = std::move(filling);
  return fill(now);
}

Result<void> JobEngine::fill(Time now) {
  auto& filling = *filling_;
  const auto& limits = *parts_.provider.batch;
  const auto started_at = filling.written;
  for (;;) {
    auto& state = filling.state;
    const bool range = filling.candidates.empty();
    const auto item_next = range ? state.first_item + state.sequences : 0;
    const bool exhausted = range ? item_next >= job_.items
                                 : state.sequences >= filling.candidates.size();
    if (exhausted || state.items >= filled(limits.requests_max) || (state.priming && state.items == 1))
      return finish_filling(now);
    const auto item = range ? item_next : filling.candidates[state.sequences];
    WEIR_TRY(const auto fit, fill_item(item, state.sequences, now));
    if (fit == Fit::kFull) return finish_filling(now);
    if (!range) state.list.push_back(item);
    ++state.sequences;
    if (filling.buffer.size() >= kImageBuffer) WEIR_CHECK(flush_image());
    if (filling.written - started_at >= kFillBytesPerTurn) return {};
  }
}

Result<JobEngine::Fit> JobEngine::fill_item(std::uint64_t item, std::uint64_t sequence, Time now) {
  auto& filling = *filling_;
  WEIR_TRY(const auto end, log_->end_of(item));
  if (end != ItemEnd::kNone) return Fit::kSkipped;  // rejected when an earlier process wrote this image
  auto source_item = parts_.source.item(item);
  if (!source_item || source_item->rejected) {
    const auto error = source_item ? *source_item->rejected : source_item.error();
    WEIR_CHECK(end_rejected(item, source_item.value_or(Item{}), error));
    return Fit::kSkipped;
  }
  const auto id = source_item->id;
  const auto line = source_item->line;
  bool marked = false;
  const auto request = prepared(std::move(*source_item), job_.plan.cache, &marked);
  std::string encoded;
  const auto done = parts_.adapter.encode_item(custom_id(filling.state.id, sequence), request, encoded);
  const auto& limits = *parts_.provider.batch;
  if (!done || encoded.size() > limits.line_bytes_max) {
    auto error = done ? Error{.kind = ErrorKind::kInvalidArgument,
                              .message = fmt::format("the request has {} bytes, the provider takes {} in a batch",
                                                     encoded.size(), limits.line_bytes_max),
                              .hint = "shorten the document"}
                      : done.error();
    WEIR_CHECK(end_rejected(item, {.id = id, .line = line}, std::move(error)));
    return Fit::kSkipped;
  }
  const auto format = parts_.adapter.image_format();
  const auto total = filling.written + filling.buffer.size() + encoded.size() + format.separator.size() +
                     format.tail.size();
  if (filling.state.items > 0 && total > filled(limits.bytes_max)) return Fit::kFull;
  const Money ceiling = ceiling_of(request, llm::Route::kBatch, encoded.size(), now);
  if (!affordable(filling.state.ceiling + ceiling)) {
    spend_stopped_ = flights_.empty() && batches_.empty() && filling.state.items == 0;
    return Fit::kFull;
  }
  if (filling.state.items > 0) filling.buffer += format.separator;
  filling.buffer += encoded;
  filling.state.ceiling = filling.state.ceiling + ceiling;
  ++filling.state.items;
  return Fit::kTaken;
}

Result<void> JobEngine::flush_image() {
  auto& filling = *filling_;
  WEIR_CHECK(filling.image->write(filling.written, filling.buffer));
  filling.written += filling.buffer.size();
  filling.digest = content_digest(filling.digest + content_digest(filling.buffer));
  filling.buffer.clear();
  return {};
}

// The image is whole: the batch becomes an aggregate in the same commit that moves the job's cursor past its items.
Result<void> JobEngine::finish_filling(Time now) {
  auto& filling = *filling_;
  job_dirty_ = true;
  if (filling.candidates.empty()) job_.next_item = filling.state.first_item + filling.state.sequences;
  if (filling.state.items == 0) {  // every item was rejected, or nothing is affordable: no batch
    filling.image.reset();
    images_done_.push_back(filling.path);
    filling_.reset();
    return {};
  }
  filling.buffer += parts_.adapter.image_format().tail;
  WEIR_CHECK(flush_image());
  WEIR_CHECK(filling.image->sync());
  filling.state.image_bytes = filling.written;
  filling.state.image_digest = filling.digest;
  for (const auto item : filling.state.list) {
    const auto row = deviating_.find(item);
    if (row == deviating_.end()) continue;
    row->second.state = ItemRow::State::kInBatch;
    rows_dirty_.push_back(item);
  }
  reserved_ = reserved_ + filling.state.ceiling;
  BatchRun run;
  run.state = std::move(filling.state);
  filling_.reset();
  const auto number = run.state.number;
  auto& placed = batches_.emplace(number, std::move(run)).first->second;
  return feed(placed, {.kind = provider::BatchEvent::Kind::kStart}, now);
}

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
    const provider::Finished held{.outcome = provider::Finished::Outcome::kHeld, .error = step.error()};
    return finish_batch(run, held, now);
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
    calls_.push_back({.id = id, .kind = kind, .plan = std::move(plan),
                      .image_path = image_path(run.state.number), .operation = std::move(operation)});
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
    return finish_batch(run, std::get<provider::Finished>(step.action), now);
  }
  return {};
}

Result<void> JobEngine::batch_timers(Time now) {
  std::vector<std::uint64_t> due;
  for (const auto& [number, run] : batches_)
    if (run.wake_at && *run.wake_at <= now) due.push_back(number);
  for (const auto number : due) {
    auto& run = batches_.at(number);
    const auto& window = parts_.provider.batch->window;
    const auto margin = std::chrono::minutes(20);  // to cancel, to collect, to send the tail
    const bool late = options_.deadline && now + margin >= *options_.deadline;
    const bool overdue = now > run.state.planned_at + window + kOverdue;
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

Result<bool> JobEngine::on_rows(std::uint64_t call, std::string_view bytes, Time now) {
  const auto found = batch_calls_.find(call);
  if (found == batch_calls_.end()) return false;
  auto& run = batches_.at(found->second);
  if (!run.splitter) return false;
  Result<void> failed;
  const bool go_on = run.splitter->feed(bytes, [&](const json::LineSplitter::Line& line) {
    auto handled = row_line(run, line, now);
    if (!handled) failed = std::unexpected(std::move(handled).error());
    return handled.value_or(false);
  });
  if (!failed) return std::unexpected(std::move(failed).error());
  if (!go_on) {  // somebody else's results: this is not our batch
    batch_calls_.erase(call);
    run.artefact.clear();
    run.splitter.reset();
    WEIR_CHECK(feed(run, {.kind = provider::BatchEvent::Kind::kCollectFailed,
                          .error = {.kind = ErrorKind::kNotFound, .message = "its rows are not ours"}}, now));
    return false;
  }
  if (ledger_pending_.size() + rows_dirty_.size() >= kRowsPerCommit) {
    WEIR_CHECK(extend_output(false));
    WEIR_CHECK(commit_now("rows"));
  }
  return true;
}

// False: stop, the rows are not of this batch.
Result<bool> JobEngine::row_line(BatchRun& run, const json::LineSplitter::Line& line, Time now) {
  auto& done = run.state.lines[run.artefact];
  // Lines seen before a restart are handled again: no provider promises the same order twice, and an item ends only once.
  const bool again = line.number <= done;
  done = std::max(done, line.number);
  run.dirty = job_dirty_ = true;
  if (line.bytes.empty() && !line.too_long) return true;
  auto row = line.too_long ? Result<provider::Row>(fail(ErrorKind::kBadResponse, "a row is too long"))
                           : parts_.adapter.decode_row(run.artefact, line.bytes, now);
  if (!row) {
    ++run.state.broken;
    reason(fmt::format("batch {}: line {} of {} could not be read: {}", run.state.number, line.number,
                       run.artefact, row.error().message));
    return true;
  }
  const bool ours = parse_custom_id(run.state.id, row->custom_id).has_value();
  if (!ours && !run.state.confirmed) {
    done = 0;
    return false;
  }
  if (!ours) {
    ++run.state.strangers;
    return true;
  }
  run.state.confirmed = true;
  WEIR_TRY(const bool fresh, handle_row(run, std::move(*row), now));
  if (!fresh && !again) ++run.state.duplicates;
  return true;
}

// False: the item has its row already.
Result<bool> JobEngine::handle_row(BatchRun& run, provider::Row row, Time now) {
  const auto sequence = *parse_custom_id(run.state.id, row.custom_id);
  const auto item = run.state.item_of(sequence);
  if (!item || *item >= job_.items) {
    ++run.state.strangers;
    return true;
  }
  WEIR_TRY(const auto end, log_->end_of(*item));
  if (end != ItemEnd::kNone) return false;
  if (row.outcome == provider::Row::Outcome::kSucceeded) {
    ++run.state.rows;
    ++run.answers;
    if (row.response.usage.cache_read.count > 0) ++run.hits;
    const bool marked = job_.marking && job_.plan.cache.policy == llm::CachePolicy::kMarked;
    WEIR_CHECK(end_answered(std::move(row.response), llm::Route::kBatch,
                            {.batch = run.state.number, .sequence = sequence, .item = *item,
                             .priced_at = run.state.view.created_at.value_or(run.state.planned_at)},
                            row.custom_id, marked));
    return true;
  }
  if (row.outcome != provider::Row::Outcome::kErrored) return true;  // it never ran: settled at the end
  if (retry_due_.contains(*item)) return false;
  ++run.state.rows;
  // A row that says it succeeded and cannot be read was billed all the same.
  if (row.response.usage != llm::Usage{})
    book(billed_entry({.batch = run.state.number, .sequence = sequence, .item = *item,
                       .priced_at = run.state.view.created_at.value_or(run.state.planned_at),
                       .usage = row.response.usage}, llm::Route::kBatch));
  auto& deviation = deviate(*item, ItemRow::State::kRetrySync,
                            fmt::format("batch {}: {}", run.state.number, row.error.message));
  ++deviation.attempts;
  if (retryable(row.error.kind)) {
    retry_due_[*item] = now + backoff(deviation.attempts, row.error, parts_.random);
    return true;
  }
  Item known;
  if (auto source_item = parts_.source.item(*item)) known = std::move(*source_item);
  WEIR_CHECK(end_item({.item = *item, .end = ItemEnd::kFailed, .id = known.id, .line = known.line,
                       .error = std::move(row.error)}));
  return true;
}

Result<void> JobEngine::on_rows_end(std::uint64_t call, Time now) {
  const auto found = batch_calls_.find(call);
  if (found == batch_calls_.end()) return {};
  auto& run = batches_.at(found->second);
  bool ours = true;
  if (run.splitter) {
    Result<void> failed;
    run.splitter->finish([&](const json::LineSplitter::Line& line) {
      auto handled = row_line(run, line, now);
      if (!handled) failed = std::unexpected(std::move(handled).error());
      else ours = *handled;
      return true;
    });
    if (!failed) return failed;
  }
  batch_calls_.erase(call);
  run.artefact.clear();
  run.splitter.reset();
  if (ours) return feed(run, {.kind = provider::BatchEvent::Kind::kCollected}, now);
  return feed(run, {.kind = provider::BatchEvent::Kind::kCollectFailed,
                    .error = {.kind = ErrorKind::kNotFound, .message = "its rows are not ours"}}, now);
}

Result<void> JobEngine::finish_batch(BatchRun& run, const provider::Finished& finished, Time now) {
  using Outcome = provider::Finished::Outcome;
  run.dirty = must_commit_ = true;
  auto& state = run.state;
  if (finished.outcome == Outcome::kHeld) {
    state.phase = BatchPhase::kHeld;
    state.reason = finished.error.text();
    ++batches_held_;  // its ceiling stays reserved: what it costs is not known
    reason(fmt::format("batch {} is held: {}", state.number, state.reason));
    return {};
  }
  reserved_ = reserved_ - state.ceiling;
  images_done_.push_back(image_path(state.number));
  state.image_kept = false;
  ++batches_ended_;
  if (state.priming) job_.primed = true;
  if (finished.outcome == Outcome::kEnded) {
    state.phase = BatchPhase::kEnded;
    observe_hits(run);
    return settle_members(run, false, fmt::format("batch {} ended ({}) without a result for it", state.number,
                                                  state.view.status));
  }
  state.phase = BatchPhase::kRefused;
  state.reason = finished.error.text();
  reason(fmt::format("batch {} was refused: {}", state.number, state.reason));
  if (finished.error.kind == ErrorKind::kUnauthenticated) stopped_ = finished.error;
  if (finished.line) WEIR_CHECK(refuse_line(run, finished));
  const bool fallback = !finished.line && finished.error.kind != ErrorKind::kUnauthenticated &&
                        finished.error.kind != ErrorKind::kCancelled;
  (void)now;
  return settle_members(run, fallback, fmt::format("batch {} was refused: {}", state.number, finished.error.message));
}

// The provider named the bad line: that item fails, the others go into a new batch.
Result<void> JobEngine::refuse_line(BatchRun& run, const provider::Finished& finished) {
  std::uint64_t line = 0;
  for (std::uint64_t sequence = 0; sequence < run.state.sequences; ++sequence) {
    const auto item = *run.state.item_of(sequence);
    WEIR_TRY(const auto end, log_->end_of(item));
    if (end != ItemEnd::kNone || ++line != *finished.line) continue;
    Item known;
    if (auto source_item = parts_.source.item(item)) known = std::move(*source_item);
    return end_item({.item = item, .end = ItemEnd::kFailed, .id = known.id, .line = known.line,
                     .error = finished.error, .attempts = 1});
  }
  return {};
}

// Members without an end and without a retry never ran: they are planned again, or go by the standard API.
Result<void> JobEngine::settle_members(BatchRun& run, bool fallback, const std::string& why) {
  std::uint64_t again = 0;
  for (std::uint64_t sequence = 0; sequence < run.state.sequences; ++sequence) {
    const auto item = *run.state.item_of(sequence);
    WEIR_TRY(const auto end, log_->end_of(item));
    if (end != ItemEnd::kNone || retry_due_.contains(item)) continue;
    auto& row = deviate(item, ItemRow::State::kReplan, why);
    ++row.replans;
    ++again;
    if (!fallback && row.replans <= replans_max && !run.cancel_asked) continue;
    row.state = ItemRow::State::kRetrySync;
    retry_due_[item] = Time{};
  }
  if (again > 0) reason(fmt::format("batch {}: {} items without a result are done again", run.state.number, again));
  return {};
}

void JobEngine::observe_hits(const BatchRun& run) {
  if (run.state.priming || !job_.marking || job_.plan.cache.policy != llm::CachePolicy::kMarked ||
      run.answers < 20)
    return;
  const double seen = static_cast<double>(run.hits) / static_cast<double>(run.answers);
  if (plan::marking_pays(job_.plan.cache, seen)) return;
  job_.marking = false;
  reason(fmt::format("the cache hit rate was {:.0f} %, below the break-even of {:.0f} %: later requests are not marked",
                     seen * 100, job_.plan.cache.hit_rate_break_even * 100));
}

}  // namespace weir::engine
