#pragma once
// The ledger: one entry for every attempt that was, or may have been, billed. Sums are 128-bit and exact.
#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "base/units.h"
#include "llm/types.h"

namespace weir::cost {

struct LedgerEntry {
  enum class Kind : std::uint8_t {
    kAnswer,        // an attempt at an item
    kContentWrite,  // a cached content was made: its tokens, as usage.cache_write
    kContentStore,  // …and kept, until it was deleted or expired: no tokens, only money
  };
  enum class Outcome : std::uint8_t {
    kBilled,   // usage and cost are the provider's
    kUnknown,  // sent, outcome never seen: `cost` is the ceiling, shown as exposure
  };
  // Where it stands: batch 0 is the sync route, whose sequence counts attempts; else the number of a batch of this store and the
  // sequence of its custom_id. Unique.
  std::uint64_t batch = 0;
  std::uint64_t sequence = 0;
  Kind kind = Kind::kAnswer;
  AttemptId
      attempt;  // sync only; a batch row's attempt id is its custom_id. Of kContentStore: the one that made it
  std::uint64_t item = 0;  // of cached contents: their number within the store
  Outcome outcome = Outcome::kBilled;
  bool answered =
      false;       // this attempt gave the item its end (a billed one that did not is a repeat)
  Time priced_at;  // the provider's creation time, which chose the price row
  llm::Usage usage;
  Money cost;
  Money baseline;  // the same tokens sync and uncached
  Money uncached;  // the same tokens on the same route, uncached
};

/// Sums over a ledger.
struct LedgerTotals {
  std::uint64_t billed = 0, unknown = 0, repeats = 0;
  std::uint64_t cache_hits = 0;  // billed answers with any cached token
  std::uint64_t answers = 0, batch_answers = 0;
  llm::Usage usage;  // of all billed entries
  llm::Usage answered_usage;
  MoneySum spent;              // billed
  MoneySum exposure;           // ceilings of unknown attempts
  MoneySum baseline;           // of answers: the work done once
  MoneySum uncached;           // of answers, on the route they took
  MoneySum answers_spent;      // spent on answers; spent - answers_spent - contents went to repeats
  std::uint64_t contents = 0;  // cached contents made…
  MoneySum contents_written, contents_stored;  // …and what that and keeping them cost
  void add(const LedgerEntry& entry);
};

}  // namespace weir::cost
