#include "weir/metrics.h"

#include <filesystem>
#include <map>
#include <tuple>

#include "base/units.h"
#include "cost/ledger.h"
#include "library/host.h"

namespace weir {

class Metrics::Impl {
 public:
  std::shared_ptr<library::Host> host;
};

namespace {

using Key = std::pair<std::string, std::string>;  // provider, model

// The ledger in this folder, from `since` on. One that has not begun is empty.
Result<void> add_ledger(const std::string& folder, Time since, cost::LedgerTotals& totals) {
  auto store = runtime::SqliteStore::open_read_only(folder + "/store.sqlite");
  if (!store)
    return store.error().kind == ErrorKind::kNotFound ? Result<void>()
                                                      : std::unexpected(store.error());
  return (*store)->visit_ledger([&](const cost::LedgerEntry& entry) {
    if (entry.priced_at >= since) totals.add(entry);
    return true;
  });
}

// Into the sums of its provider and model; where these are not kept apart, into those of all.
Result<void> add_folder(const std::filesystem::path& path, const char* description, Time since,
                        bool apart, std::map<Key, cost::LedgerTotals>& sums) {
  const auto text = runtime::read_whole_file((path / description).string(), 1U << 20);
  if (!text) return {};  // not whole yet
  json::Parser parser;
  WEIR_TRY(const auto told, parser.parse(*text));
  const auto key = apart ? Key(told["provider"].string_or(""), told["model"].string_or("")) : Key();
  return add_ledger(path.string(), since, sums[key]);
}

Result<std::map<Key, cost::LedgerTotals>> read(library::Host& host, Window window, bool apart) {
  const auto& optimization = host.settings().current()->optimization;
  if (!optimization.metrics_enabled)
    return fail(ErrorKind::kUnsupported, "metrics are switched off",
                "optimization.enableMetrics: true");
  if (host.settings().has_file())
    window.length = std::min<std::chrono::seconds>(window.length, optimization.metrics_retention);
  host.calls().settle();
  Time since{};
  const auto now = host.clock().now();
  if (window.length < std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()))
    since = now - Duration(window.length);
  std::map<Key, cost::LedgerTotals> sums;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(host.folder() + "/calls", code))
    WEIR_CHECK(add_folder(entry.path(), "target.json", since, apart, sums));
  for (const auto& entry : std::filesystem::directory_iterator(host.folder() + "/jobs", code))
    if (entry.is_directory(code))
      WEIR_CHECK(add_folder(entry.path(), "job.json", since, apart, sums));
  return sums;
}

MetricsSummary summary_of(const Key& key, const cost::LedgerTotals& totals) {
  MetricsSummary out{.provider = key.first, .model = key.second};
  out.requests = totals.answers;
  out.batch_requests = totals.batch_answers;
  out.cache_hits = totals.cache_hits;
  out.unknown = totals.unknown;
  out.usage = totals.usage;
  out.spent_usd = to_usd(totals.spent);
  out.baseline_usd = to_usd(totals.baseline);
  out.exposure_usd = to_usd(totals.exposure);
  const auto saved = totals.baseline - totals.spent;
  out.saved_usd = to_usd(saved);
  if (totals.baseline.pico > 0)
    out.saved_percentage =
        100 * static_cast<double>(saved.pico) / static_cast<double>(totals.baseline.pico);
  if (totals.billed > 0)
    out.cache_hit_rate =
        static_cast<double>(totals.cache_hits) / static_cast<double>(totals.billed);
  return out;
}

}  // namespace

Metrics::Metrics(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<void> Metrics::record(const Response& response, const ModelInfo& model) {
  return impl_->host->records().add({&response, 1}, model, impl_->host->clock().now());
}

Result<MetricsSummary> Metrics::summary(Window window) const {
  WEIR_TRY(auto sums, read(*impl_->host, window, false));
  return summary_of({}, sums[{}]);
}

Result<std::vector<MetricsSummary>> Metrics::by_provider(Window window) const {
  WEIR_TRY(const auto sums, read(*impl_->host, window, true));
  std::vector<MetricsSummary> out;
  for (const auto& [key, totals] : sums) out.push_back(summary_of(key, totals));
  return out;
}

Metrics Engine::metrics() const {
  auto impl = std::make_shared<Metrics::Impl>();
  impl->host = impl_->host;
  return Metrics(std::move(impl));
}

}  // namespace weir
