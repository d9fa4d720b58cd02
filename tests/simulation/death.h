#pragma once
// When a process dies, and when its disk is full. Every operation on what is durable and every call counts as one; the drawn
// one is the last that the process does, or does in part.
#include <cstdint>

#include "base/random.h"

namespace weir::simulation {

/// What the death leaves: after kill -9 all that was handed to the operating system, after a power loss all that was synced and
/// any part of the rest.
enum class Death : std::uint8_t { kKill, kPowerLoss };

/// Thrown where a process dies; no code of ours catches it, so what stands in memory goes with the engine.
struct Crash {};

/// One per World. A dead process does nothing any more: whoever acts for it asks dead() first.
class CrashPoint {
 public:
  explicit CrashPoint(Random& random) : random_(random) {}

  /// A new process: it lives until told otherwise.
  void disarm() {
    left_ = left_to_failure_ = kNever;
    dead_ = failed_ = false;
  }
  void arm(std::uint64_t operations, Death death) {
    left_ = operations;
    death_ = death;
  }
  void fail_at(std::uint64_t operations) { left_to_failure_ = operations; }

  /// Counts an operation. False: the process is dead, now or already.
  bool pass() {
    ++operations_;
    if (!dead_ && left_ != kNever && left_-- == 0) dead_ = true;
    return !dead_;
  }
  /// The same for code that an exception may cross.
  void pass_or_die() {
    if (!pass()) throw Crash{};
  }
  void check() const {
    if (dead_) throw Crash{};
  }
  /// Whether this operation fails because the disk is full.
  bool fails() {
    if (left_to_failure_ == kNever || left_to_failure_-- != 0) return false;
    left_to_failure_ = kNever;
    return failed_ = true;
  }

  [[nodiscard]] bool dead() const { return dead_; }
  [[nodiscard]] Death death() const { return death_; }
  /// Whether an operation of this process has failed.
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  Random& random() { return random_; }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  Random& random_;
  std::uint64_t left_ = kNever, left_to_failure_ = kNever, operations_ = 0;
  Death death_ = Death::kKill;
  bool dead_ = false, failed_ = false;
};

}  // namespace weir::simulation
