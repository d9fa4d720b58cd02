#pragma once
// What a provider's answer says of the account's rate limits. Advice, not truth: several processes may share the account, so a 429 is
// always possible.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "http/message.h"

namespace weir::provider {

/// One limit: what was left of it, and when it is full again. It fills up steadily in between, as a token bucket does.
struct RateWindow {
  std::uint64_t limit = 0, remaining = 0;
  Time seen_at{}, full_at{};
  /// What is left at `now`, if nothing was taken since.
  [[nodiscard]] std::uint64_t available(Time now) const;
  /// When so much is left; at most full_at.
  [[nodiscard]] Time when(std::uint64_t wanted) const;
  friend bool operator==(const RateWindow&, const RateWindow&) = default;
};

/// Nothing where the provider does not say all three numbers of a limit.
struct RateLimits {
  std::optional<RateWindow> requests, tokens;
  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

/// Reads {prefix}-limit-{what}, {prefix}-remaining-{what} and {prefix}-reset-{what} by a pattern with one "*", such as
/// "x-ratelimit-*-requests": two counts, and a time as RFC 3339, as "6m0s", "2m59.56s", "120ms", "7.66s" or in seconds. Nothing
/// when one is absent or unreadable, or the reset lies further away than kRateResetMax. @param window for providers that tell no reset: when it is full
/// again at the latest.
std::optional<RateWindow> rate_window(const http::Headers& headers, std::string_view pattern,
                                      Time now, std::optional<Duration> window = std::nullopt);
inline constexpr std::chrono::hours kRateResetMax{24};

}  // namespace weir::provider
