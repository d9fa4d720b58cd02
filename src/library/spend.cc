#include "library/spend.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/calendar.h"

namespace weir::library {
namespace {

std::string_view period_name(config::Period period) {
  switch (period) {
    case config::Period::kDay: return "for the day";
    case config::Period::kMonth: return "for the month";
    case config::Period::kTotal: return "in total";
  }
  return "";
}

}  // namespace

void Spend::add(const std::string& workload, Time at, MoneySum amount) {
  if (workload.empty()) return;
  const std::scoped_lock lock(mutex_);
  days_[workload][std::chrono::floor<std::chrono::days>(at)] += amount;
}

MoneySum Spend::spent(const std::string& workload, std::optional<Time> since) const {
  const std::scoped_lock lock(mutex_);
  MoneySum sum;
  const auto found = days_.find(workload);
  if (found == days_.end()) return sum;
  for (const auto& [day, amount] : found->second)
    if (!since || day >= *since) sum += amount;
  return sum;
}

std::optional<MoneySum> Spend::left(const std::string& workload) const {
  const auto config = settings_.current();
  const auto* found = config::find_workload(*config, workload);
  if (found == nullptr || !found->budget.usd) return std::nullopt;
  const auto since = config::begin_of(found->budget.per, clock_.now());
  const auto left = MoneySum{found->budget.usd->pico} - spent(workload, since);
  return std::max(left, MoneySum{});
}

Result<void> Spend::admit(const std::string& workload) const {
  const auto rest = left(workload);
  if (!rest || rest->pico > 0) return {};
  const auto config = settings_.current();
  const auto* found = config::find_workload(*config, workload);
  if (found == nullptr || !found->budget.usd) return {};
  const auto now = clock_.now();
  const auto& budget = found->budget;
  Error error{.kind = ErrorKind::kRateLimited,
              .message = fmt::format("the budget of workload '{}' is used up: {} dollars {}",
                                     workload, to_usd(*budget.usd), period_name(budget.per)),
              .hint = "raise budget.usd of the workload"};
  if (const auto end = config::end_of(budget.per, now)) {
    error.hint += fmt::format(", or wait until {}", to_rfc3339(*end));
    error.retry_after = std::chrono::ceil<std::chrono::milliseconds>(*end - now);
  }
  return std::unexpected(std::move(error));
}

}  // namespace weir::library
