#pragma once
// Time is an argument: the core gets `now` with each event, never asks for it. UTC, never going back.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

using Duration = std::chrono::microseconds;
using Time = std::chrono::sys_time<Duration>;

/// Where a shell gets its time: the real clock, a simulated one, or a test's.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Time now() = 0;
};

/// 2026-11-23T21:29:17Z; the fraction is written only when it is not zero.
std::string to_rfc3339(Time time);
/// Reads RFC 3339 with Z or an offset, any number of fraction digits. Nothing when it is not one.
std::optional<Time> parse_rfc3339(std::string_view text);
/// Reads an HTTP date (IMF-fixdate, RFC 9110). Nothing when it is not one.
std::optional<Time> parse_http_date(std::string_view text);
std::string to_http_date(Time time);
inline std::int64_t unix_seconds(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}
inline std::int64_t unix_micros(Time time) { return time.time_since_epoch().count(); }
inline Time from_unix_seconds(std::int64_t seconds) { return Time(std::chrono::seconds(seconds)); }
inline Time from_unix_micros(std::int64_t micros) { return Time(Duration(micros)); }

/// "90s", "15m", "24h", "2d", "500ms", or a sum such as "1h30m". Nothing when it is not one.
std::optional<Duration> parse_duration(std::string_view text);
/// "1h 30m", "12s", "350ms": for people.
std::string human_duration(Duration duration);

}  // namespace weir
