#pragma once
// Metrics: what was spent and saved, read off the ledger. Values, and a handle that is thread-safe; hooks are called on Weir's threads and
// must not block.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/chat_model.h"

namespace weir {

/// Money is "0.00" of entries whose trackCosts is false; baselines and savings are where trackCostSavings is.
struct MetricsSummary {
  std::string provider = {}, model = {};  // empty where it sums over several
  std::string workload = {};              // the same; also empty for requests of none
  std::uint64_t requests = 0;             // billed answers
  std::uint64_t batch_requests = 0;       // of them, those by a batch
  std::uint64_t cache_hits = 0;           // of them, those with cached tokens
  std::uint64_t unknown = 0;              // attempts whose outcome, or usage, was never seen
  Usage usage;
  std::string spent_usd = "0.00", baseline_usd = "0.00", saved_usd = "0.00",
              exposure_usd = "0.00";  // exact
  std::string would_have_saved_usd =
      "0.00";  // by `auto`, of requests that were only observed; an estimate, negative where it would have cost more
  double saved_percentage = 0;  // of the baseline
  double cache_hit_rate = 0;    // by requests
};

/// The last so long, by the engine's clock; the default is everything.
struct Window {
  std::chrono::seconds length = std::chrono::seconds::max();
};

class WEIR_API Metrics {
 public:
  class Impl;
  explicit Metrics(std::shared_ptr<Impl> impl);
  /// Books an answer that did not come through a model of Weir (a user's own base does so by itself).
  /// @param workload as CallOptions::workload. @error kUnavailable the store does not take it.
  Result<void> record(const Response& response, const ModelInfo& model,
                      const std::string& workload = {});
  /// @error kUnsupported enableMetrics is false; kUnavailable, kInternal a ledger cannot be read.
  [[nodiscard]] Result<MetricsSummary> summary(Window window = {}) const;
  /// One a provider and model, by name. @error as summary().
  [[nodiscard]] Result<std::vector<MetricsSummary>> by_provider(Window window = {}) const;
  /// One a workload, by name; requests that named none come first, under an empty name. Names that no configuration has are kept apart
  /// up to 32 for single requests, what is beyond has none; jobs keep every name. @error as summary().
  [[nodiscard]] Result<std::vector<MetricsSummary>> by_workload(Window window = {}) const;

 private:
  std::shared_ptr<Impl> impl_;
};

/// Decisions come to the hook also where logOptimizationDecisions is false.
struct Decision {
  std::string subject;  // a job's id, or the model
  std::string reason;   // one sentence
};
struct CacheHit {
  std::string model;
  Tokens tokens;
};
struct Fallback {
  std::string subject, reason;
};
struct Alert {
  std::string subject, message;
};
struct BatchEvent {
  std::string job;
  std::uint64_t running = 0, ended = 0;  // batches of the job
};

/// Each may be empty.
struct Hooks {
  std::function<void(const Decision&)> on_decision;
  std::function<void(const CacheHit&)> on_cache_hit;
  std::function<void(const Fallback&)> on_fallback;
  std::function<void(const BatchEvent&)> on_batch_event;
  std::function<void(const Alert&)> on_alert;  // of what the configuration asks alerts for
};

}  // namespace weir
