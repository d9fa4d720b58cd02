#pragma once
// Gatherer: single requests from many threads become batches, each workload's apart; urgent ones pass at once. Thread-safe.
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>

#include "weir/optimize.h"

namespace weir {

/// What is unset is as the configuration says: the workload's gather, then defaultBatchSize and defaultBatchTimeout (100 and 30 s
/// without a file), and 64 MiB.
struct GatherOptions {
  std::optional<std::uint64_t> count = {};            // requests, 1 to 100,000
  std::optional<std::chrono::microseconds> age = {};  // of the oldest, by the engine's clock
  std::optional<std::uint64_t> bytes = {};            // of the requests' texts
  std::uint64_t waiting_max = 100'000;                // requests unanswered; more are refused
  std::function<bool(const Request&, const CallOptions&)> urgent =
      {};  // besides CallOptions::urgent and the workload's urgent.field, read where the last text is a JSON object
};

class WEIR_API Gatherer {
 public:
  class Impl;
  explicit Gatherer(std::unique_ptr<Impl> impl);
  ~Gatherer();  // flushes, and waits for what was gathered
  Gatherer(const Gatherer&) = delete;
  Gatherer& operator=(const Gatherer&) = delete;

  /// Returns at once. The future always gets a value; errors as ChatModel::invoke, and kUnavailable where waiting_max is reached.
  std::future<Result<Response>> invoke(Request request, CallOptions options = {});
  /// Sends what waits.
  void flush();
  /// Requests that wait and are not sent yet. No error.
  [[nodiscard]] std::uint64_t waiting() const;

 private:
  std::unique_ptr<Impl> impl_;
};

/// The model must outlive the gatherer. What is gathered is a durable job where the model is an OptimizedModel on a base of Weir, else
/// one batch() of the model. @error kInvalidArgument an option is out of range.
WEIR_API Result<std::unique_ptr<Gatherer>> gather(Engine& engine, ChatModel& model,
                                                  GatherOptions options = {});

}  // namespace weir
