#include "config/calendar.h"

#include <chrono>

namespace weir::config {
namespace {

using std::chrono::days;

Time midnight(Time now) { return std::chrono::floor<days>(now); }

Duration length_of(Interval interval) {
  switch (interval) {
    case Interval::kHourly: return std::chrono::hours(1);
    case Interval::kDaily: return days(1);
    case Interval::kWeekly: return std::chrono::weeks(1);
  }
  return days(1);
}

}  // namespace

Time begin_of(Interval interval, Time now) {
  if (interval == Interval::kHourly) return std::chrono::floor<std::chrono::hours>(now);
  if (interval == Interval::kDaily) return midnight(now);
  const auto day = std::chrono::floor<days>(now);
  return day - (std::chrono::weekday(day) - std::chrono::Monday);
}

Time end_of(Interval interval, Time now) { return begin_of(interval, now) + length_of(interval); }

std::optional<Time> begin_of(Period period, Time now) {
  if (period == Period::kTotal) return std::nullopt;
  if (period == Period::kDay) return midnight(now);
  const std::chrono::year_month_day date(std::chrono::floor<days>(now));
  return std::chrono::sys_days(date.year() / date.month() / 1);
}

std::optional<Time> end_of(Period period, Time now) {
  if (period == Period::kTotal) return std::nullopt;
  if (period == Period::kDay) return midnight(now) + days(1);
  const std::chrono::year_month_day date(std::chrono::floor<days>(now));
  return std::chrono::sys_days((date.year() / date.month() + std::chrono::months(1)) / 1);
}

}  // namespace weir::config
