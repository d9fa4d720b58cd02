#pragma once
// Internal to run: which items without an answer a retry opens. Each has a row in memory until it ends, so a job with more of them
// is tried again in rounds. Not thread-safe.
#include <cstdint>

#include "engine/result_log.h"

namespace weir::bulk {

/// Of one retry. A row with its reasons takes about 300 bytes: 30 MB.
inline constexpr std::uint64_t kRetriedMax = 100'000;

/// Sees every item twice, in the same order: count(), then take(). What was not tried again yet goes first, so that round after
/// round reaches every item, though those of an earlier round failed again.
class RetryChoice {
 public:
  explicit RetryChoice(std::uint64_t items_max) : items_max_(items_max) {}
  void count(const engine::ResultLog::Record& record);
  /// Whether it is opened now.
  bool take(const engine::ResultLog::Record& record);
  /// Items that were counted and not taken.
  [[nodiscard]] std::uint64_t left() const { return fresh_ + again_; }

 private:
  std::uint64_t items_max_;
  std::uint64_t fresh_ = 0,
                again_ = 0;  // counted and not taken: never tried again; tried again before
  std::uint64_t fresh_room_ = 0, again_room_ = 0;
  bool taking_ = false;
};

}  // namespace weir::bulk
