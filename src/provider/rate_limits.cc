#include "provider/rate_limits.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::provider {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Duration> wait_of(std::string_view text, Time now) {
  if (const auto at = parse_rfc3339(text)) return std::max(*at - now, Duration{});
  if (const auto told = parse_duration(text)) return told;
  // "7.66s", "7.66", "2m59.56s"
  Duration whole{};
  for (const auto& [unit, length] : {std::pair{'h', Duration(std::chrono::hours(1))},
                                     std::pair{'m', Duration(std::chrono::minutes(1))}}) {
    const auto at = text.find(unit);
    if (at == std::string_view::npos) continue;
    const auto count = number<std::uint32_t>(text.substr(0, at));
    if (!count || *count > 100'000) return std::nullopt;  // far beyond kRateResetMax
    whole += length * *count;
    text.remove_prefix(at + 1);
  }
  const bool unit = text.ends_with('s');
  const auto seconds = number<double>(unit ? text.substr(0, text.size() - 1) : text);
  if (!seconds || !std::isfinite(*seconds) || *seconds < 0 || *seconds > 1e9) return std::nullopt;
  return whole + Duration(static_cast<std::int64_t>(*seconds * 1e6));
}

}  // namespace

std::uint64_t RateWindow::available(Time now) const {
  if (now >= full_at || remaining >= limit) return std::max(limit, remaining);
  const double filled = std::chrono::duration<double>(now - seen_at) / (full_at - seen_at);
  return remaining + static_cast<std::uint64_t>(static_cast<double>(limit - remaining) *
                                                std::clamp(filled, 0.0, 1.0));
}

Time RateWindow::when(std::uint64_t wanted) const {
  if (wanted <= remaining) return seen_at;
  if (wanted >= limit) return full_at;
  const double part =
      static_cast<double>(wanted - remaining) / static_cast<double>(limit - remaining);
  const double wait = part * static_cast<double>((full_at - seen_at).count());
  return std::min(full_at, seen_at + Duration(static_cast<std::int64_t>(std::ceil(wait))));
}

std::optional<RateWindow> rate_window(const http::Headers& headers, std::string_view pattern,
                                      Time now, std::optional<Duration> window) {
  const auto star = pattern.find('*');
  const auto find = [&](std::string_view word) {
    return headers.find(std::string(pattern.substr(0, star)) + std::string(word) +
                        std::string(pattern.substr(star + 1)));
  };
  const auto limit = find("limit"), left = find("remaining"), reset = find("reset");
  if (!limit || !left || (!reset && !window)) return std::nullopt;
  const auto most = number<std::uint64_t>(*limit);
  const auto count = number<std::uint64_t>(*left);
  const auto wait = reset ? wait_of(*reset, now) : window;
  if (!most || !count || !wait || *wait > kRateResetMax) return std::nullopt;
  return RateWindow{.limit = *most, .remaining = *count, .seen_at = now, .full_at = now + *wait};
}

}  // namespace weir::provider
