#pragma once
// What a model's single requests cost: every attempt is journalled before it is sent and booked when it ends (design.md 4.2, sync route).
// One folder a provider, model, account and workload. The journal's memory lives on the calls' loop; what waits for the disk is done
// on the books' loop, so that no request does.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cost/ledger.h"
#include "library/target.h"
#include "runtime/mapped_journal.h"
#include "runtime/sqlite_store.h"

namespace weir::library {

class CallLedger {
 public:
  /// Told of each entry when it is made.
  using Booked = std::function<void(const std::string& workload, const cost::LedgerEntry& entry)>;
  /// Opens or creates the folder, and books what an earlier process left. Blocks. @error kUnavailable, kInternal.
  static Result<std::unique_ptr<CallLedger>> open(const std::string& folder, TargetPtr target,
                                                  std::string workload, Booked booked, Time now);

  struct Attempt {
    AttemptId id;
    std::uint64_t sequence = 0;
    std::uint32_t slot = 0;
    Money ceiling;
  };
  // On the calls' loop.
  [[nodiscard]] bool has_room() const { return journal_->free_slots() > 0; }
  /// Durable when it returns. @error kUnavailable the journal is full, or the store took nothing lately (its reason).
  Result<Attempt> begin(const AttemptId& id, Money ceiling, Time now);
  void billed(const Attempt& attempt, const llm::Usage& usage, Time priced_at);
  void not_billed(const Attempt& attempt);
  void unknown(const Attempt& attempt, Time now);

  /// What the disk has not got yet.
  struct Lot {
    bool journal = false;  // stores to it
    std::vector<cost::LedgerEntry> entries;
  };
  /// Nothing when there is nothing, or an earlier lot is still on its way.
  std::optional<Lot> take();
  /// The lot is on the disk, or could not be written: then it stays.
  void stored(const Result<void>& outcome);
  [[nodiscard]] bool unsettled() const { return !storing_.empty() || !settled_.empty(); }

  // On the books' loop.
  Result<void> store(const Lot& lot);

  /// Names the folder of a target's ledger within a store. @param workload may be empty.
  static std::string folder_name(const Target& target, const std::string& workload);

 private:
  CallLedger(TargetPtr target, std::string workload, Booked booked)
      : target_(std::move(target)), workload_(std::move(workload)), booked_(std::move(booked)) {}
  Result<void> recover(Time now);
  cost::LedgerEntry entry_of(std::uint64_t sequence, const AttemptId& id, const llm::Usage& usage,
                             Time priced_at) const;

  void book(std::optional<cost::LedgerEntry> entry, std::uint32_t slot);

  TargetPtr target_;
  const std::string workload_;
  const Booked booked_;
  std::unique_ptr<runtime::MappedJournal> journal_;
  std::unique_ptr<runtime::SqliteStore> store_;
  std::uint64_t next_sequence_ = 1;
  struct Settled {
    std::uint32_t slot = 0;
    std::optional<cost::LedgerEntry> entry;
  };
  std::vector<Settled> settled_, storing_;
  bool under_way_ = false;  // a lot
  bool dirty_ = false;      // the journal has stores that no lot brought to the disk
  std::optional<Error> broken_;
};

}  // namespace weir::library
