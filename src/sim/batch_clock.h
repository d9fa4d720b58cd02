#pragma once
// The life of one batch as arithmetic on times: nothing runs between two calls, everything follows
// from `now`. Rows start one after the other over `spread`; what stops the batch first (cancel,
// expiry, its end) decides the rest.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/faults.h"

namespace weir::sim {

enum class BatchPhase : std::uint8_t {
  kValidating,
  kRunning,
  kFinalizing,
  kCompleted,
  kCancelling,
  kCancelled,
  kExpired
};

class BatchClock {
 public:
  struct Plan {
    std::uint64_t seed = 0;
    std::uint64_t batch = 0;  // what chance is drawn for
    Time created_at;
    std::size_t rows = 0;
    Duration validation_min{0}, validation_max{0};
    Duration finalizing_min{0}, finalizing_max{0};
    Duration life = std::chrono::hours(24);  // until it expires
  };
  BatchClock() = default;
  /// Takes slow_batch, expire_batch and cancel_batch from the faults.
  BatchClock(const Plan& plan, const std::vector<FaultRule>& faults);

  [[nodiscard]] BatchPhase phase(Time now) const;
  [[nodiscard]] bool ended(Time now) const;
  [[nodiscard]] Time created_at() const { return created_at_; }
  [[nodiscard]] Time begins_at() const { return begins_at_; }
  [[nodiscard]] Time expires_at() const { return expires_at_; }
  /// When all rows were started and done; the far future when some never will be.
  [[nodiscard]] Time done_at() const;
  /// When the batch reaches its last phase.
  [[nodiscard]] Time ends_at() const;
  [[nodiscard]] std::optional<Time> cancel_at() const { return cancel_at_; }
  /// The phase it ends in.
  [[nodiscard]] BatchPhase last_phase() const;

  [[nodiscard]] Time row_start(std::size_t row) const;
  /// Whether the row is run at all, as things stand.
  [[nodiscard]] bool runs(std::size_t row) const;
  /// Rows that are run, as things stand: always the first so many.
  [[nodiscard]] std::size_t rows_run() const;

  /// A request to cancel. False when the batch is past its running phase; twice is as once.
  bool cancel(Time now);

 private:
  Time created_at_, begins_at_, expires_at_;
  Duration spread_{0}, tail_{0}, finalizing_{0}, cancelling_{0};
  std::size_t rows_ = 0;
  std::size_t rows_run_max_ = 0;
  std::optional<Time> cancel_at_;
};

}  // namespace weir::sim
