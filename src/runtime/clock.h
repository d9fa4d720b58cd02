#pragma once
// The clocks that touch the world: the system's, and virtual ones that run faster (the simulator's,
// and ours when it follows the simulator). All are UTC, never go back, and may be asked from any
// thread.
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "http/url.h"

namespace weir::runtime {

class HttpClient;

/// A clock whose seconds may be shorter than real ones.
class RuntimeClock : public Clock {
 public:
  /// Virtual seconds in a real one, > 0; 1 for the system clock.
  [[nodiscard]] virtual double scale() const = 0;
  /// How long to really sleep for a virtual duration, rounded up; zero for a negative one.
  [[nodiscard]] std::chrono::nanoseconds to_real(Duration duration) const;
};

/// The operating system's time. Where that is set back, this one stands still until it is caught up
/// with.
class SystemClock final : public RuntimeClock {
 public:
  [[nodiscard]] Time now() override;
  [[nodiscard]] double scale() const override { return 1.0; }

 private:
  std::atomic<std::int64_t> latest_micros_{0};
};

/// A source of virtual time: epoch + real time since construction × scale.
class ScaledClock final : public RuntimeClock {
 public:
  /// @param scale > 0; other values count as 1.
  ScaledClock(Time epoch, double scale);
  [[nodiscard]] Time now() override;
  [[nodiscard]] double scale() const override { return scale_; }
  /// What SimulatedClock reads: {"now":"2026-01-31T00:00:00.000001Z","scale":600}
  [[nodiscard]] std::string reading_json();

 private:
  const Time epoch_;
  const double scale_;
  const std::chrono::steady_clock::time_point start_;
};

/// Follows a simulator's virtual time: the last reading + real time since × scale.
class SimulatedClock final : public RuntimeClock {
 public:
  /// A reading and the real moment that it is true for.
  struct Reading {
    Time now;
    double scale = 1;
    std::chrono::steady_clock::time_point at;
  };

  /// Reads GET url/_sim/clock; blocks, for at most a few seconds, on an event loop of its own.
  /// @param url "http://127.0.0.1:8080", with or without a path or a "sim:" before it; loopback
  /// only.
  /// @error kInvalidArgument not a loopback http URL; kUnavailable nobody answers; kBadResponse
  /// what answers is no
  ///        simulator clock, or its scale is not in (0, 600].
  static Result<std::unique_ptr<SimulatedClock>> create(std::string_view url);
  explicit SimulatedClock(http::Url url, Reading reading);

  [[nodiscard]] Time now() override;
  [[nodiscard]] double scale() const override;
  /// Reads again, for a simulator whose time was changed; the clock stands still rather than go
  /// back.
  /// @error as create(); the old reading stays.
  boost::asio::awaitable<Result<void>> refresh(HttpClient* client);

  /// Pure: the fields of an answer. @error kBadResponse
  static Result<Reading> parse_reading(std::string_view json);

 private:
  const http::Url url_;  // of the clock itself
  mutable std::mutex mutex_;
  Reading reading_;
  Time latest_{};
};

/// 127.0.0.0/8, ::1 or localhost.
bool is_loopback(std::string_view host);

/// "" or "system": the system clock; "sim:URL": SimulatedClock. @error as SimulatedClock::create
Result<std::unique_ptr<RuntimeClock>> make_clock(std::string_view text);

}  // namespace weir::runtime
