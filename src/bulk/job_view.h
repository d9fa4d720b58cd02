#pragma once
// A job as its folder shows it: read beside a running owner, without its lock and without a write.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cost/ledger.h"
#include "engine/state.h"
#include "engine/store.h"
#include "runtime/store_lock.h"

namespace weir::bulk {

enum class JobStatus : std::uint8_t {
  kNotBegun,   // the input was not accepted, or nothing was decided yet
  kRunning,    // a process owns it
  kStopped,    // nobody does; items are left
  kHeld,       // nobody does; a batch must be settled before it can end
  kDone,       // every item has ended
  kCancelled,  // every item has ended, and the user had given it up
};
std::string_view to_string(JobStatus status);

struct JobView {
  std::string folder, output;
  std::optional<runtime::StoreOwner> owner;
  std::optional<engine::JobState> job;  // none: not begun
  std::vector<engine::BatchState> batches;
  engine::ResultCounts counts;
  cost::LedgerTotals totals;
  std::map<engine::ItemRow::State, std::uint64_t> rows;  // items that left the ordinary way
  MoneySum reserved;                                     // ceilings of running and held batches

  [[nodiscard]] JobStatus status() const;
  [[nodiscard]] std::uint64_t batches_in(engine::BatchPhase phase) const;
  /// "running (pid 123)", "held", …
  [[nodiscard]] std::string status_text() const;
  [[nodiscard]] MoneySum saved() const { return {totals.baseline.pico - totals.spent.pico}; }
};

/// @error kNotFound no store there; kInternal it is damaged or was written by a newer Weir; kUnavailable it cannot be read.
Result<JobView> view_job(const std::string& folder);

}  // namespace weir::bulk
