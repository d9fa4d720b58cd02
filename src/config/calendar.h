#pragma once
// The intervals of reports and the periods of budgets, in UTC. Pure.
#include <optional>

#include "base/time.h"
#include "config/config.h"

namespace weir::config {

/// The last full hour, midnight, or Monday's midnight that is not after `now`.
Time begin_of(Interval interval, Time now);
/// The next one.
Time end_of(Interval interval, Time now);

/// When the day or month of `now` began; nothing for the total, which has no beginning.
std::optional<Time> begin_of(Period period, Time now);
std::optional<Time> end_of(Period period, Time now);

}  // namespace weir::config
