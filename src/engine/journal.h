#pragma once
// The usage journal: what was sent on the sync route and what came of it, durable against the death of the process at once
// and against power loss within 100 ms, without a commit per request. The runtime's is a mapped file.
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "llm/types.h"

namespace weir::engine {

struct JournalEntry {
  std::uint32_t slot = 0;
  std::uint64_t sequence = 0;  // of the ledger (batch 0)
  AttemptId attempt;
  std::uint64_t item = 0;
  Money ceiling;
  Time sent_at;
  enum class Outcome : std::uint8_t { kOpen, kBilled, kNotBilled, kUnknown };
  Outcome outcome = Outcome::kOpen;
  Time priced_at;    // when billed
  llm::Usage usage;  // when billed
};

/// Slots are bounded; a slot is free again after release(). Not thread-safe.
class UsageJournal {
 public:
  virtual ~UsageJournal() = default;
  /// Durable when it returns. @error kUnavailable every slot is taken: settle outcomes first.
  virtual Result<std::uint32_t> intent(std::uint64_t sequence, const AttemptId& attempt,
                                       std::uint64_t item, Money ceiling, Time now) = 0;
  virtual void outcome(std::uint32_t slot, JournalEntry::Outcome outcome, Time priced_at,
                       const llm::Usage& usage) = 0;
  /// The entry is in the ledger now.
  virtual void release(std::uint32_t slot) = 0;
  /// What an earlier process left, by sequence.
  virtual std::vector<JournalEntry> entries() const = 0;
  [[nodiscard]] virtual std::size_t free_slots() const = 0;
};

}  // namespace weir::engine
