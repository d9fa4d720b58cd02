#pragma once
// What the workloads' requests have cost, day by day, and what that leaves of their budgets: read off the ledgers when the engine opens, kept
// up with each entry. An attempt of unknown outcome counts with its ceiling. Thread-safe.
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/units.h"
#include "library/settings.h"
#include "runtime/clock.h"

namespace weir::library {

class Spend {
 public:
  Spend(const Settings& settings, runtime::RuntimeClock& clock)
      : settings_(settings), clock_(clock) {}
  /// Books for the day of `at`; nothing where the workload has no name.
  void add(const std::string& workload, Time at, MoneySum amount);
  /// What the workload may still spend now, at least 0; nothing where it has no budget.
  [[nodiscard]] std::optional<MoneySum> left(const std::string& workload) const;
  /// Whether a request of the workload may begin. What is in flight when a budget is used up is completed.
  /// @error kRateLimited the budget is used up; retry_after says when the next period begins, where there is one.
  [[nodiscard]] Result<void> admit(const std::string& workload) const;

 private:
  [[nodiscard]] MoneySum spent(const std::string& workload, std::optional<Time> since) const;

  const Settings& settings_;
  runtime::RuntimeClock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::chrono::sys_days, MoneySum>> days_;
};

}  // namespace weir::library
