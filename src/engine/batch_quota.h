#pragma once
// What an account may still put into a provider's batch queue: batches created in an hour, and input tokens that wait there.
// Counts only; the limits are the catalogue's. Not thread-safe: a part of the Account.
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "base/time.h"

namespace weir::engine {

/// Limits are used to 90 %: providers count in their own way.
constexpr std::uint64_t filled(std::uint64_t limit) { return limit - limit / 10; }

class BatchQuota {
 public:
  /// When another batch may be created: `now` or later. `per_hour_max` 0: there is no limit.
  [[nodiscard]] Time next_create(std::uint64_t per_hour_max, Time now) const;
  /// In any order: a job that is resumed tells of its earlier ones.
  void created(Time at, Time now);

  /// Input tokens of the model's unfinished batches.
  [[nodiscard]] std::uint64_t queued(std::string_view model) const;
  void enqueue(const BatchId& batch, std::string_view model, std::uint64_t tokens);
  void dequeue(const BatchId& batch);

 private:
  std::deque<Time> created_;  // in the last hour, ascending
  std::map<BatchId, std::pair<std::string, std::uint64_t>> queued_;
};

}  // namespace weir::engine
