// What a human sets going again: items that failed, and batches that were held.
#include <fmt/format.h>

#include <algorithm>

#include "engine/job_engine.h"
#include "json/value.h"

namespace weir::engine {
namespace {

constexpr std::size_t kBatchIdBytesMax = 256;

// It becomes a segment of a path at the provider, so it must not climb.
bool usable_batch_id(std::string_view id) {
  return !id.empty() && id.size() <= kBatchIdBytesMax && !id.starts_with('.') &&
         std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.' || c == ':';
         });
}

struct Told {  // by the line of an item that did not succeed
  std::string failure;
  bool paid = false;  // an answer came, and failed its check
};

Told told_by(const ResultLog::Record& record) {
  json::Parser parser;
  const auto line = parser.parse(record.line);
  if (!line) return {};
  return {std::string((*line)["error"]["message"].string_or("")), line->find("usage").has_value()};
}

}  // namespace

// --- Items -------------------------------------------------------------------------------------------------------

std::string JobEngine::output_file() const {
  return job_.rebuilding ? options_.folder + "/output.new" : options_.output_path;
}

// The process may have died after the new output had become the output, and before it had said so: then it is written again.
Result<Watermark> JobEngine::output_so_far() {
  if (!job_.rebuilding) return job_.output;
  WEIR_TRY(const auto file, parts_.files.open(output_file()));
  WEIR_TRY(const auto size, file->size());
  return size < job_.output.bytes ? Watermark{} : job_.output;
}

Result<void> JobEngine::replace_output() {
  WEIR_CHECK(parts_.files.rename(output_file(), options_.output_path));
  job_.rebuilding = false;
  return {};
}

// The rows say that the items are open; they are committed before a slot is touched, and a resume clears the slots of items that
// have rows. A row an item stands in memory: who wants more of them than that holds wants them in rounds.
Result<std::uint64_t> JobEngine::reopen(const Wanted& wanted, Time now) {
  if (job_.phase != JobPhase::kDone)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("job {} has not ended: {} of {} items have", job_.id.text(),
                            counts_.ended(), job_.items),
                "let it go on to its end first");
  // Its rows may yet answer what would be tried again.
  if (batches_held_ > 0)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} batches of job {} are held", batches_held_, job_.id.text()),
                "settle them first: weir job show says how");
  std::vector<std::uint64_t> items;
  WEIR_CHECK(noted(log_->visit_unsuccessful([&](const ResultLog::Record& record) -> Result<void> {
    WEIR_TRY(const bool yes, wanted(record));
    if (!yes) return {};
    items.push_back(record.item);
    return reopen_item(record, now);
  })));
  WEIR_CHECK(noted(reopen_firsts(items, now)));
  if (items.empty()) return 0;
  job_.phase = JobPhase::kRunning;
  job_.ended_at = {};
  job_.cancel_wanted = false;
  cancelled_to_ = 0;
  job_.stage = job_.stages.size();
  job_.next_place = job_.items;  // every item had ended: the rows alone say what is to be done
  job_.parts.clear();
  job_.rebuilding = true;
  job_.output = {};
  idle_ = false;
  if (job_.deadline && *job_.deadline <= now) {
    job_.deadline.reset();
    reason("the deadline has passed: what is tried again has none");
  }
  options_.deadline = job_.deadline;
  reason(fmt::format("{} items that had no answer are tried again", items.size()));
  WEIR_CHECK(noted(log_->write_output_to(parts_.files, output_file())));
  WEIR_CHECK(noted(commit_now("retry")));
  for (const auto item : items) WEIR_CHECK(noted(log_->reopen(item)));
  WEIR_TRY(counts_, noted(log_->count()));
  totals_ = {};
  WEIR_CHECK(noted(parts_.store.visit_ledger([&](const cost::LedgerEntry& entry) {
    totals_.add(entry);
    return true;
  })));
  return items.size();
}

Result<void> JobEngine::reopen_item(const ResultLog::Record& record, Time now) {
  WEIR_TRY(const auto first, parts_.source.same_as(record.item));
  // A repeat is not sent: the output that is written anew takes the other's answer for it.
  if (first) {
    deviate(unplaced(record.item), ItemRow::State::kRepeats, std::string(kTriedAgain));
    return {};
  }
  const bool batch = job_.plan.route == llm::Route::kBatch;
  const auto told = told_by(record);
  auto& row =
      deviate(unplaced(record.item), batch ? ItemRow::State::kReplan : ItemRow::State::kRetrySync,
              told.failure.empty() ? std::string(kTriedAgain)
                                   : fmt::format("{} after: {}", kTriedAgain, told.failure));
  row.attempts = row.replans = 0;
  if (!batch) retry_due_[record.item] = now;
  // Of the others no ledger entry says "answered". What was not billed has none at all: its sequence may be another item's by now.
  if (!told.paid) return {};
  answers_undone_.emplace_back(record.batch, record.sequence);
  if (record.batch != 0) repeats_.emplace(record.batch, record.sequence);
  return {};
}

// An item that takes another's answer is of no use without it.
Result<void> JobEngine::reopen_firsts(std::vector<std::uint64_t>& items, Time now) {
  for (std::size_t i = 0, count = items.size(); i < count; ++i) {
    WEIR_TRY(const auto first, parts_.source.same_as(items[i]));
    if (!first || deviating_.contains(*first)) continue;
    WEIR_TRY(const auto record, log_->record_of(*first));
    if (record.end == ItemEnd::kSucceeded) continue;
    items.push_back(*first);
    WEIR_CHECK(reopen_item(record, now));
  }
  return {};
}

// --- Held batches ------------------------------------------------------------------------------------------------

Result<void> JobEngine::settle(std::uint64_t number, const provider::Settlement& settlement,
                               Time now) {
  using How = provider::Settlement::How;
  if (must_commit_) WEIR_CHECK(noted(commit_now("step")));  // a batch is held from its commit on
  WEIR_TRY(auto run, held_batch(number, settlement));
  auto& state = run.state;
  state.phase = BatchPhase::kRunning;
  state.stop = StopCause::kNone;
  state.settled = settlement.how == How::kAdopt     ? Settled::kAdopted
                  : settlement.how == How::kNotMade ? Settled::kNotMade
                                                    : Settled::kLost;
  state.reason = settlement.how == How::kAdopt
                     ? fmt::format("settled by hand: it is {}", settlement.provider_batch_id)
                 : settlement.how == How::kNotMade
                     ? std::string("settled by hand: the provider made no batch")
                     : std::string("settled by hand: its results are given up");
  reason(fmt::format("batch {} was {}", number, state.reason));
  if (settlement.how == How::kAdopt) {
    state.confirmed = false;
    state.lines.clear();
  }
  std::erase(ids_claimed_, state.view.provider_batch_id);
  --batches_held_;
  job_.phase = JobPhase::kRunning;
  job_.ended_at = {};
  job_dirty_ = must_commit_ = true;
  auto& placed = batches_.insert_or_assign(number, std::move(run)).first->second;
  return noted(
      feed(placed, {.kind = provider::BatchEvent::Kind::kSettle, .settlement = settlement}, now));
}

Result<JobEngine::BatchRun> JobEngine::held_batch(std::uint64_t number,
                                                  const provider::Settlement& settlement) {
  using How = provider::Settlement::How;
  const auto bad = [&](std::string message, std::string hint) {
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("batch {} of job {} {}", number, job_.id.text(), message),
                std::move(hint));
  };
  if (settlement.how == How::kAdopt && !usable_batch_id(settlement.provider_batch_id))
    return bad("cannot be settled: that is no batch id of a provider",
               "give the id as the provider's console shows it");
  WEIR_TRY(const auto loaded, parts_.store.load());
  std::optional<BatchRun> found;
  for (const auto& aggregate : loaded) {
    if (aggregate.kind != AggregateKind::kBatch) continue;
    WEIR_TRY(auto state, BatchState::decode(aggregate.state));
    if (aggregate.number == number) {
      found.emplace();
      found->state = std::move(state);
      found->version = aggregate.version;
    } else if (settlement.how == How::kAdopt &&
               state.view.provider_batch_id == settlement.provider_batch_id) {
      return bad(fmt::format("cannot be {}: that is batch {}", settlement.provider_batch_id,
                             aggregate.number),
                 "weir job show lists them");
    }
  }
  if (!found)
    return fail(ErrorKind::kNotFound, fmt::format("job {} has no batch {}", job_.id.text(), number),
                "weir job show lists its batches");
  const auto& state = found->state;
  if (state.phase != BatchPhase::kHeld)
    return bad(fmt::format("is not held: it is {}", to_string(state.phase)),
               "only a batch that is held needs settling");
  if (settlement.how == How::kNotMade && !state.view.provider_batch_id.empty())
    return bad(fmt::format("was made: the provider has it as {}", state.view.provider_batch_id),
               "settle it with --provider-batch or, if its results are gone, with --lost");
  return std::move(*found);
}

// Its members are tried again. What a lost batch may have cost stands in the ledger, at its ceiling.
Result<void> JobEngine::settled_by_hand(BatchRun& run, Time now) {
  auto& state = run.state;
  const bool lost = state.settled == Settled::kLost;
  state.phase = lost ? BatchPhase::kEnded : BatchPhase::kRefused;
  if (lost) WEIR_CHECK(book_lost(run, now));
  const Error why{.kind = ErrorKind::kUnavailable,
                  .message = fmt::format("batch {} was {}", state.number, state.reason)};
  return settle_members(run, job_.cancel_wanted ? Fate::kCancelled : Fate::kReplan, why);
}

Result<void> JobEngine::book_lost(const BatchRun& run, Time now) {
  const auto& state = run.state;
  const auto share = static_cast<std::int64_t>(std::max<std::uint64_t>(state.items, 1));
  const Money fallback{(state.ceiling.pico + share - 1) / share};
  for (std::uint64_t sequence = 0; sequence < state.members.count; ++sequence) {
    WEIR_TRY(const auto entry, member(state.members, sequence));
    WEIR_TRY(const auto end, log_->end_of(entry.item));
    WEIR_TRY(const auto first, parts_.source.same_as(entry.item));
    const bool open = end == ItemEnd::kNone && !left_batch(entry.item);
    if (first) continue;  // it takes another's answer, and is in no image
    if (!open && end != ItemEnd::kCancelled) continue;  // it has its row, or was in no image
    book_repeat({.batch = state.number,
                 .sequence = sequence,
                 .item = entry.item,
                 .outcome = cost::LedgerEntry::Outcome::kUnknown,
                 .priced_at = state.view.created_at.value_or(state.planned_at),
                 .cost = row_ceiling(entry, now).value_or(fallback)});
  }
  return {};
}

}  // namespace weir::engine
