#pragma once
// The periodic cost report: what was spent, and saved, in the intervals of costReportingInterval. How far it has come stands in the store, so
// that an engine that was away at the end of an interval reports it when it comes back. Used by one thread.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "library/ledgers.h"

namespace weir::library {

class CostReport {
 public:
  /// @param file where it is kept how far reports have come; they begin at `now` where there is none.
  CostReport(std::string file, Time now);
  /// Logs the report of what has ended, where an interval has. @return when to come again.
  Time run(Host& host);

 private:
  const std::string file_;
  Time reported_until_{}, again_at_{};
};

/// One line for all, then one a provider and model. Pure.
std::vector<std::string> report_lines(const std::map<LedgerKey, Sums>& sums, Span span,
                                      bool savings);

}  // namespace weir::library
