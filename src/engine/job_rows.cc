// The rows of a batch's artefacts. Lines that were seen before a restart are handled again: no provider promises the same order
// twice, and an item ends only once.
#include <fmt/format.h>

#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// Rows that are handled but not committed: bounds memory and what a crash makes us read again.
constexpr std::size_t kRowsPerCommit = 1000;
// An artefact that breaks off in the middle of its last line is read again; when it does so at the same line so often, that is
// how it stands at the provider.
constexpr std::uint64_t kCutTimesMax = 4;

// Somebody else's results: the batch that was found is not ours.
Error not_ours() { return {.kind = ErrorKind::kNotFound, .message = "its rows are not ours"}; }

}  // namespace

Result<bool> JobEngine::take_rows(std::uint64_t call, std::string_view bytes, Time now) {
  const auto found = batch_calls_.find(call);
  if (found == batch_calls_.end()) return false;
  auto& run = batches_.at(found->second);
  if (!run.splitter) return false;
  Result<void> failed;
  const bool go_on = run.splitter->feed(bytes, [&](const json::LineSplitter::Line& line) {
    auto handled = row_line(run, line, now);
    if (!handled) failed = std::unexpected(handled.error());
    return handled.value_or(false);
  });
  if (!failed) return std::unexpected(std::move(failed).error());
  if (!go_on) {
    batch_calls_.erase(call);
    WEIR_CHECK(artefact_failed(run, not_ours(), now));
    return false;
  }
  if (ledger_pending_.size() + rows_dirty_.size() >= kRowsPerCommit) {
    WEIR_CHECK(extend_output(false));
    WEIR_CHECK(commit_now("rows"));
  }
  return true;
}

Result<void> JobEngine::take_rows_end(std::uint64_t call, Time now) {
  const auto found = batch_calls_.find(call);
  if (found == batch_calls_.end()) return {};
  auto& run = batches_.at(found->second);
  WEIR_ASSERT(run.splitter.has_value());
  batch_calls_.erase(found);
  if (const auto* page = run.splitter->page()) return page_ended(run, *page, now);
  if (const auto* avro = run.splitter->avro())
    if (auto whole = avro->end(); !whole)
      return artefact_failed(run, std::move(whole).error(), now);
  bool ours = true, cut = false;
  Result<void> failed;
  run.splitter->finish([&](const json::LineSplitter::Line& line) {
    cut = !line.too_long && !parts_.adapter.decode_row(run.artefact, line.bytes, now) &&
          (run.cut_count = line.number == run.cut_line ? run.cut_count + 1 : 1) < kCutTimesMax;
    run.cut_line = line.number;
    if (cut) return true;
    auto handled = row_line(run, line, now);
    if (!handled) failed = std::unexpected(handled.error());
    ours = handled.value_or(true);
    return true;
  });
  if (!failed) return failed;
  if (cut)
    return artefact_failed(
        run,
        {.kind = ErrorKind::kBadResponse,
         .message = fmt::format("it breaks off in the middle of line {}", run.cut_line)},
        now);
  if (!ours) return artefact_failed(run, not_ours(), now);
  run.artefact.clear();
  run.splitter.reset();
  return feed(run, {.kind = provider::BatchEvent::Kind::kCollected}, now);
}

// A page that breaks off is asked for again; the adapter has the bound.
Result<void> JobEngine::page_ended(BatchRun& run, const json::PageSplitter& page, Time now) {
  auto rest = page.envelope();
  if (!rest) return artefact_failed(run, std::move(rest).error(), now);
  provider::BatchEvent event{.kind = provider::BatchEvent::Kind::kCollected,
                             .response = {.status = 200, .headers = {}, .body = *std::move(rest)},
                             .rows = page.rows()};
  run.artefact.clear();
  run.splitter.reset();
  return feed(run, std::move(event), now);
}

// The rows that came are kept; the adapter decides whether to ask again.
Result<void> JobEngine::artefact_failed(BatchRun& run, Error error, Time now) {
  run.artefact.clear();
  run.splitter.reset();
  return feed(run, {.kind = provider::BatchEvent::Kind::kCollectFailed, .error = std::move(error)},
              now);
}

// False: stop, the rows are not of this batch.
Result<bool> JobEngine::row_line(BatchRun& run, const json::LineSplitter::Line& line, Time now) {
  auto& done = run.state.lines[run.artefact];
  const bool again = line.number <= done;
  done = std::max(done, line.number);
  run.dirty = job_dirty_ = true;
  if (line.bytes.empty() && !line.too_long) return true;
  auto row = line.too_long
                 ? Result<provider::Row>(fail(ErrorKind::kBadResponse, "a row is too long"))
                 : parts_.adapter.decode_row(run.artefact, line.bytes, now);
  if (!row) {
    if (!again) ++run.state.broken;
    WEIR_CHECK(broken_row(run, line, std::move(row).error(), now));
    return true;
  }
  // Whose the batch is, the prefix says; a number that is none of ours is a row that cannot be placed.
  run.state.confirmed |= row->custom_id.starts_with(custom_id_prefix(run.state.id));
  if (!run.state.confirmed) {
    done = 0;
    return false;
  }
  if (!parse_custom_id(run.state.id, row->custom_id)) {
    if (!again) ++run.state.strangers;
    return true;
  }
  WEIR_TRY(const bool fresh, handle_row(run, std::move(*row), now));
  if (!fresh && !again) ++run.state.duplicates;
  return true;
}

// False: the item has its row already.
Result<bool> JobEngine::handle_row(BatchRun& run, provider::Row row, Time now) {
  const auto sequence = *parse_custom_id(run.state.id, row.custom_id);
  if (sequence >= run.state.members.count) {
    ++run.state.strangers;
    return true;
  }
  WEIR_TRY(const auto place, member(run.state.members, sequence));
  const auto item = place.item;
  const bool succeeded = row.outcome == provider::Row::Outcome::kSucceeded;
  const cost::LedgerEntry entry{
      .batch = run.state.number,
      .sequence = sequence,
      .item = item,
      .priced_at = run.state.view.created_at.value_or(run.state.planned_at)};
  WEIR_TRY(const auto end, log_->end_of(item));
  if (end != ItemEnd::kNone || (left_batch(item) && !succeeded) ||
      repeats_.contains({entry.batch, sequence}))
    return late_row(row, entry);
  if (succeeded) {  // even after another row said that it failed
    ++run.state.rows;
    const bool marked = job_.marking && job_.plan.cache.policy == llm::CachePolicy::kMarked &&
                        place.marks != PackedMarks::none();
    if (marked && place.waits_for != PlanEntry::kNobody) {
      ++job_.reads.due;
      if (row.response.usage.cache_read.count > 0) ++job_.reads.hits;
    }
    WEIR_CHECK(
        end_answered(std::move(row.response), llm::Route::kBatch, entry, row.custom_id, marked));
    return true;
  }
  if (row.outcome != provider::Row::Outcome::kErrored)
    return true;  // it never ran: settled at the end
  // A row that says it succeeded and cannot be read was billed all the same.
  if (row.response.usage != llm::Usage{}) {
    auto billed = entry;
    billed.usage = row.response.usage;
    book_repeat(billed_entry(billed, llm::Route::kBatch));
  }
  ++run.state.rows;
  WEIR_CHECK(errored_row(run, std::move(row), place, now));
  return true;
}

// The item has its end, or is on another way to it: whatever this row cost is booked all the same, once. Returns false.
Result<bool> JobEngine::late_row(const provider::Row& row, cost::LedgerEntry entry) {
  if (row.response.usage == llm::Usage{}) return false;
  WEIR_TRY(const auto end, log_->end_of(entry.item));
  if (end != ItemEnd::kNone) {
    WEIR_TRY(const auto origin, log_->origin_of(entry.item));
    if (origin.batch == entry.batch && origin.sequence == entry.sequence)
      return false;  // the same row again
  }
  entry.usage = row.response.usage;
  book_repeat(billed_entry(entry, llm::Route::kBatch));
  return false;
}

// The item goes one by one by the standard API (without it: into another batch), or fails.
Result<void> JobEngine::errored_row(BatchRun& run, provider::Row row, const PlanEntry& entry,
                                    Time now) {
  const auto item = entry.item;
  const auto way =
      options_.fallback_to_standard ? ItemRow::State::kRetrySync : ItemRow::State::kReplan;
  auto& deviation =
      deviate(entry, way, fmt::format("batch {}: {}", run.state.number, row.error.message));
  ++deviation.attempts;
  if (!retryable(row.error.kind) || deviation.attempts >= options_.attempts_max)
    return end_failed(item, ResultLog::kNoSequence, std::move(row.error));
  if (options_.fallback_to_standard)
    retry_due_[item] = now + backoff(deviation.attempts, row.error, parts_.random);
  return {};
}

// A line that is no row. Where it shows our custom_id, that item ran, or may have: its cost is unknown, and it is tried again.
Result<void> JobEngine::broken_row(BatchRun& run, const json::LineSplitter::Line& line, Error error,
                                   Time now) {
  reason(fmt::format("batch {}: line {} of {} could not be read: {}", run.state.number, line.number,
                     run.artefact, error.message));
  const auto at = line.bytes.find(custom_id_prefix(run.state.id));
  if (at == std::string_view::npos) return {};
  const auto id = line.bytes.substr(at, line.bytes.find('"', at) - at);
  const auto sequence = parse_custom_id(run.state.id, id);
  if (!sequence || *sequence >= run.state.members.count) return {};
  WEIR_TRY(const auto place, member(run.state.members, *sequence));
  const auto item = place.item;
  WEIR_TRY(const auto end, log_->end_of(item));
  if (end != ItemEnd::kNone || left_batch(item)) return {};
  WEIR_TRY(const auto ceiling, row_ceiling(place, now));
  book_repeat({.batch = run.state.number,
               .sequence = *sequence,
               .item = item,
               .outcome = cost::LedgerEntry::Outcome::kUnknown,
               .priced_at = run.state.view.created_at.value_or(run.state.planned_at),
               .cost = ceiling});
  return errored_row(run, {.error = std::move(error)}, place, now);
}

// What an item of a batch can cost at most. @error its input cannot be read any more.
Result<Money> JobEngine::row_ceiling(const PlanEntry& entry, Time now) {
  WEIR_TRY(auto source_item, parts_.source.item(entry.item));
  bool marked = false;
  const auto request = prepared(std::move(source_item), entry.marks, job_.plan.cache, &marked);
  std::string encoded;
  WEIR_CHECK(parts_.adapter.encode_item(custom_id(BatchId{}, 0), request, encoded));
  return ceiling_of(request, llm::Route::kBatch, encoded.size(), now);
}

// An entry of a row that gave no answer. False: it stands already.
bool JobEngine::book_repeat(cost::LedgerEntry entry) {
  const bool fresh = repeats_.emplace(entry.batch, entry.sequence).second;
  if (fresh) book(entry);
  return fresh;
}

// Whether a member of a running batch has been handed to another way: its row says so, unless it says "in this batch".
bool JobEngine::left_batch(std::uint64_t item) const {
  const auto row = deviating_.find(item);
  return row != deviating_.end() && row->second.state != ItemRow::State::kInBatch;
}

}  // namespace weir::engine
