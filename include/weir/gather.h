#pragma once
// Gatherer: single requests from many threads become batches; urgent ones pass at once. Thread-safe.
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>

#include "weir/optimize.h"

namespace weir {

struct GatherOptions {
  std::uint64_t count = 100;                                 // requests; 1 to 100,000
  std::chrono::microseconds age = std::chrono::seconds(30);  // of the oldest, by the engine's clock
  std::uint64_t bytes = std::uint64_t{64} << 20;             // of the requests' texts
  std::uint64_t waiting_max = 100'000;  // requests unanswered; more are refused
  std::function<bool(const Request&, const CallOptions&)> urgent =
      {};  // besides CallOptions::urgent
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
  [[nodiscard]] std::uint64_t waiting() const;  // not sent yet

 private:
  std::unique_ptr<Impl> impl_;
};

/// The model must outlive the gatherer. @error kInvalidArgument an option is out of range.
WEIR_API Result<std::unique_ptr<Gatherer>> gather(Engine& engine, OptimizedModel& model,
                                                  GatherOptions options = {});

}  // namespace weir
