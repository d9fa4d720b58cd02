#pragma once
// Tokens, money and usage: strong integers, so that a count is never mistaken for a price. Money never passes a double.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir {

/// A number of tokens.
struct Tokens {
  std::int64_t count = 0;
  friend constexpr auto operator<=>(Tokens, Tokens) = default;
  constexpr Tokens& operator+=(Tokens other) {
    count += other.count;
    return *this;
  }
  friend constexpr Tokens operator+(Tokens a, Tokens b) { return {a.count + b.count}; }
  friend constexpr Tokens operator-(Tokens a, Tokens b) { return {a.count - b.count}; }
};

/// Integer pico-dollars (1e-12 USD), 64 bits: holds up to 9.2 million dollars.
struct Money {
  std::int64_t pico = 0;
  friend constexpr auto operator<=>(Money, Money) = default;
  friend constexpr Money operator+(Money a, Money b) { return {a.pico + b.pico}; }
  friend constexpr Money operator-(Money a, Money b) { return {a.pico - b.pico}; }
};

/// Exact decimal text of dollars, no trailing zeros beyond two places: "0.00125", "3.00".
WEIR_API std::string to_usd(Money money);
/// For people: "$0.0123" (at least two places, about four significant digits).
WEIR_API std::string human_usd(Money money);
/// Dollars as decimal text ("12.50") to Money. @error kInvalidArgument not a decimal, finer than a pico-dollar, or too large.
WEIR_API Result<Money> parse_usd(std::string_view text);

/// Tokens in exclusive buckets: every token is counted in exactly one.
struct Usage {
  Tokens input;  // uncached
  Tokens cache_read;
  Tokens cache_write_5m;
  Tokens cache_write_1h;
  Tokens cache_write;  // at the provider's default TTL, where it has no 5m/1h
  Tokens output;
  friend bool operator==(const Usage&, const Usage&) = default;
  /// All tokens of the prompt: uncached, read from a cache, and written to one.
  [[nodiscard]] Tokens prompt() const { return input + cache_read + written(); }
  /// Tokens written to a cache, whatever their TTL.
  [[nodiscard]] Tokens written() const { return cache_write_5m + cache_write_1h + cache_write; }
  Usage& operator+=(const Usage& other) {
    input += other.input;
    cache_read += other.cache_read;
    cache_write_5m += other.cache_write_5m;
    cache_write_1h += other.cache_write_1h;
    cache_write += other.cache_write;
    output += other.output;
    return *this;
  }
};

enum class Route : std::uint8_t { kSync, kBatch };
/// "sync", "batch"
WEIR_API std::string_view to_string(Route route);

enum class FinishReason : std::uint8_t { kStop, kLength, kToolUse, kRefusal, kOther };
/// "stop", "length", "tool_use", "refusal", "other"
WEIR_API std::string_view to_string(FinishReason reason);

}  // namespace weir
