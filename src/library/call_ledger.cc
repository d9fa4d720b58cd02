#include "library/call_ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "cost/pricing.h"
#include "library/record.h"
#include "runtime/posix_files.h"

namespace weir::library {
namespace {

// Requests in flight at once; each slot is 192 bytes.
constexpr std::uint32_t kSlots = 4096;

}  // namespace

std::string CallLedger::folder_name(const Target& target, const std::string& workload) {
  const auto info = target.info();
  auto whose =
      fmt::format("{}\n{}\n{}\n{}", info.provider, info.model, info.endpoint, info.account);
  if (!workload.empty()) whose += "\n" + workload;
  return content_digest(whose).substr(0, 16);
}

Result<std::unique_ptr<CallLedger>> CallLedger::open(const std::string& folder, TargetPtr target,
                                                     std::string workload, Booked booked,
                                                     Time now) {
  std::unique_ptr<CallLedger> ledger(
      new CallLedger(std::move(target), std::move(workload), std::move(booked)));
  WEIR_CHECK(runtime::make_private_folder(folder));
  WEIR_TRY(ledger->store_, runtime::SqliteStore::open(folder + "/store.sqlite"));
  WEIR_TRY(ledger->journal_, runtime::MappedJournal::open(folder + "/usage.journal", kSlots));
  WEIR_CHECK(runtime::write_whole_file(folder + "/target.json",
                                       target_json(ledger->target_->info(), ledger->workload_)));
  WEIR_TRY(const auto last, ledger->store_->last_sequence(0));
  ledger->next_sequence_ = last + 1;
  WEIR_CHECK(ledger->recover(now));
  return ledger;
}

cost::LedgerEntry CallLedger::entry_of(std::uint64_t sequence, const AttemptId& id,
                                       const llm::Usage& usage, Time priced_at) const {
  const auto& prices = target_->model->price_at(priced_at);
  return {.sequence = sequence,
          .attempt = id,
          .item = sequence,
          .answered = true,
          .priced_at = priced_at,
          .usage = usage,
          .cost = cost::cost_of(usage, prices, Route::kSync),
          .baseline = cost::baseline_of(usage, prices),
          .uncached = cost::uncached_cost_of(usage, prices, Route::kSync)};
}

// An attempt whose outcome an earlier process never saw is unknown: it is exposure.
Result<void> CallLedger::recover(Time now) {
  using Outcome = engine::JournalEntry::Outcome;
  std::vector<cost::LedgerEntry> entries;
  const auto left = journal_->entries();
  for (const auto& entry : left) {
    next_sequence_ = std::max(next_sequence_, entry.sequence + 1);
    if (entry.outcome == Outcome::kBilled)
      entries.push_back(entry_of(entry.sequence, entry.attempt, entry.usage, entry.priced_at));
    if (entry.outcome == Outcome::kOpen || entry.outcome == Outcome::kUnknown)
      entries.push_back({.sequence = entry.sequence,
                         .attempt = entry.attempt,
                         .item = entry.sequence,
                         .outcome = cost::LedgerEntry::Outcome::kUnknown,
                         .priced_at = now,
                         .cost = entry.ceiling});
  }
  if (!entries.empty()) WEIR_CHECK(store({.entries = entries}));
  for (const auto& entry : entries) booked_(workload_, entry);
  for (const auto& entry : left) journal_->release(entry.slot);
  return {};
}

Result<CallLedger::Attempt> CallLedger::begin(const AttemptId& id, Money ceiling, Time now) {
  if (broken_) return std::unexpected(*broken_);
  Attempt attempt{.id = id, .sequence = next_sequence_, .ceiling = ceiling};
  WEIR_TRY(attempt.slot, journal_->intent(attempt.sequence, id, attempt.sequence, ceiling, now));
  ++next_sequence_;
  return attempt;
}

void CallLedger::billed(const Attempt& attempt, const llm::Usage& usage, Time priced_at) {
  journal_->outcome(attempt.slot, engine::JournalEntry::Outcome::kBilled, priced_at, usage);
  book(entry_of(attempt.sequence, attempt.id, usage, priced_at), attempt.slot);
}

void CallLedger::not_billed(const Attempt& attempt) {
  journal_->outcome(attempt.slot, engine::JournalEntry::Outcome::kNotBilled, {}, {});
  book(std::nullopt, attempt.slot);
}

void CallLedger::unknown(const Attempt& attempt, Time now) {
  journal_->outcome(attempt.slot, engine::JournalEntry::Outcome::kUnknown, now, {});
  book(cost::LedgerEntry{.sequence = attempt.sequence,
                         .attempt = attempt.id,
                         .item = attempt.sequence,
                         .outcome = cost::LedgerEntry::Outcome::kUnknown,
                         .priced_at = now,
                         .cost = attempt.ceiling},
       attempt.slot);
}

void CallLedger::book(std::optional<cost::LedgerEntry> entry, std::uint32_t slot) {
  if (entry) booked_(workload_, *entry);
  settled_.push_back({slot, std::move(entry)});
}

std::optional<CallLedger::Lot> CallLedger::take() {
  if (under_way_) return std::nullopt;
  dirty_ |= journal_->take_dirty();
  if (!dirty_ && settled_.empty()) return std::nullopt;
  Lot lot{.journal = std::exchange(dirty_, false), .entries = {}};
  storing_ = std::exchange(settled_, {});
  for (const auto& settled : storing_)
    if (settled.entry) lot.entries.push_back(*settled.entry);
  under_way_ = true;
  return lot;
}

void CallLedger::stored(const Result<void>& outcome) {
  under_way_ = false;
  if (!outcome) {
    dirty_ = true;
    broken_ = outcome.error();
    settled_.insert(settled_.begin(), storing_.begin(), storing_.end());
    storing_.clear();
    return;
  }
  broken_.reset();
  for (const auto& settled : std::exchange(storing_, {})) journal_->release(settled.slot);
}

Result<void> CallLedger::store(const Lot& lot) {
  if (lot.journal) WEIR_CHECK(journal_->write_out());
  if (lot.entries.empty()) return {};
  return store_->commit({.ledger = lot.entries, .name = "calls"});
}

}  // namespace weir::library
