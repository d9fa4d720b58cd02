#pragma once
// The Store: semantic, neither SQL nor key-value. A commit writes new aggregate states, ledger entries, deviating items and
// offsets in one transaction; it is a journal step. What the next action depends on is durable when commit() returns.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cost/ledger.h"

namespace weir::engine {

/// Units of ownership and crash. `number` is the batch's or the cached content's number within the store; 0 for the job.
enum class AggregateKind : std::uint8_t { kJob = 1, kBatch = 2, kContent = 3 };

struct AggregateChange {
  AggregateKind kind = AggregateKind::kJob;
  std::uint64_t number = 0;
  std::string account;
  std::uint64_t version_before = 0;  // 0: it is new
  std::string state;                 // versioned JSON
};

/// An item that left the ordinary way: it is tried again, or waits to be planned again. Ended items have no row.
struct ItemRow {
  enum class State : std::uint8_t {
    kRetrySync = 1,  // goes one by one by the standard API
    kReplan = 2,     // never ran: goes into a new batch
    kInBatch = 3,    // is in that new batch; the row keeps its history
    kRepeats = 4,    // was opened again, and takes the answer of the item whose request it repeats
  };
  std::uint64_t item = 0;
  State state = State::kRetrySync;
  std::uint32_t attempts = 0;  // tries so far that reached a provider
  std::uint32_t replans = 0;
  std::string reasons;      // JSON array of texts, for the output line
  std::uint64_t marks = 0;  // PackedMarks of the item
};

struct Commit {
  std::uint64_t fence = 0;  // the owner's; another owner's commit is refused
  std::vector<AggregateChange> aggregates;
  std::vector<cost::LedgerEntry>
      ledger;  // one that is there already (same batch and sequence) is left as it is
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      ledger_repeats;  // (batch, sequence) of entries that no longer are their item's answer
  std::vector<ItemRow> items;
  std::vector<std::uint64_t> items_ended;  // their rows go
  std::string name;                        // of the journal step, for tests and logs
};

struct LoadedAggregate {
  AggregateKind kind = AggregateKind::kJob;
  std::uint64_t number = 0;
  std::uint64_t version = 0;
  std::string state;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Result<std::vector<LoadedAggregate>> load() = 0;
  virtual Result<std::vector<ItemRow>> load_items() = 0;
  /// In order of (batch, sequence); stops when `visit` returns false.
  virtual Result<void> visit_ledger(const std::function<bool(const cost::LedgerEntry&)>& visit) = 0;
  /// @error kCancelled fenced out: another owner, or a version that is not the stored one. kUnavailable disk full or broken.
  virtual Result<void> commit(const Commit& commit) = 0;
};

}  // namespace weir::engine
