#pragma once
// The ledgers of a store as a whole: those of single requests, of jobs and of users' own models, each in a folder that says whose it is.
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "config/config.h"
#include "cost/ledger.h"
#include "weir/metrics.h"

namespace weir::library {

class Host;

struct LedgerFolder {
  std::string path;
  std::string provider, model, endpoint, workload;
};
/// Every ledger in this folder of a store. What is not whole yet is left out.
/// @error kInternal a description is damaged.
Result<std::vector<LedgerFolder>> ledgers_in(const std::string& folder);
/// Every entry; a ledger that has not begun has none. @error kUnavailable, kInternal it cannot be read.
Result<void> visit_entries(const LedgerFolder& ledger,
                           const std::function<void(const cost::LedgerEntry&)>& visit);

/// Whether money of this ledger is to be shown: not that of an entry of the configuration with trackCosts false.
bool is_tracked(const config::Config& config, const catalogue::Catalogue& catalogue,
                const LedgerFolder& ledger);

struct Span {
  Time from{}, until = Time::max();
};
struct Sums {
  cost::LedgerTotals totals;
  MoneySum would_have_saved;  // by `auto`, of what was only observed
  bool tracked = false;       // any of it
};
/// Whose sums they are; empty where they are not kept apart by it.
struct LedgerKey {
  std::string provider = {}, model = {}, workload = {};
  friend auto operator<=>(const LedgerKey&, const LedgerKey&) = default;
};
enum class Apart : std::uint8_t { kNot, kByModel, kByWorkload };
/// What the engine's ledgers hold of the time.
/// Blocks: waits until what is booked stands in the store. @error kUnavailable, kInternal a ledger cannot be read.
Result<std::map<LedgerKey, Sums>> sum_ledgers(Host& host, Span span, Apart apart);

/// @param savings whether baselines are told.
MetricsSummary summary_of(const LedgerKey& key, const Sums& sums, bool savings);

}  // namespace weir::library
