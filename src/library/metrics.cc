#include "weir/metrics.h"

#include "library/host.h"
#include "library/ledgers.h"

namespace weir {

class Metrics::Impl {
 public:
  std::shared_ptr<library::Host> host;
};

namespace {

struct Reading {
  std::map<library::LedgerKey, library::Sums> sums;
  bool savings = true;
};

Result<Reading> read(library::Host& host, Window window, library::Apart apart) {
  const auto& optimization = host.settings().current()->optimization;
  if (!optimization.metrics_enabled)
    return fail(ErrorKind::kUnsupported, "metrics are switched off",
                "optimization.enableMetrics: true");
  if (host.settings().has_file())
    window.length = std::min<std::chrono::seconds>(window.length, optimization.metrics_retention);
  library::Span span;
  const auto now = host.clock().now();
  if (window.length < std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()))
    span.from = now - Duration(window.length);
  WEIR_TRY(auto sums, library::sum_ledgers(host, span, apart));
  return Reading{.sums = std::move(sums), .savings = optimization.track_cost_savings};
}

Result<std::vector<MetricsSummary>> summaries(library::Host& host, Window window,
                                              library::Apart apart) {
  WEIR_TRY(const auto reading, read(host, window, apart));
  std::vector<MetricsSummary> out;
  for (const auto& [key, sums] : reading.sums)
    out.push_back(library::summary_of(key, sums, reading.savings));
  return out;
}

}  // namespace

Metrics::Metrics(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<void> Metrics::record(const Response& response, const ModelInfo& model,
                             const std::string& workload) {
  return impl_->host->record({&response, 1}, model, workload);
}

Result<MetricsSummary> Metrics::summary(Window window) const {
  WEIR_TRY(auto reading, read(*impl_->host, window, library::Apart::kNot));
  return library::summary_of({}, reading.sums[{}], reading.savings);
}

Result<std::vector<MetricsSummary>> Metrics::by_provider(Window window) const {
  return summaries(*impl_->host, window, library::Apart::kByModel);
}

Result<std::vector<MetricsSummary>> Metrics::by_workload(Window window) const {
  return summaries(*impl_->host, window, library::Apart::kByWorkload);
}

Metrics Engine::metrics() const {
  auto impl = std::make_shared<Metrics::Impl>();
  impl->host = impl_->host;
  return Metrics(std::move(impl));
}

}  // namespace weir
