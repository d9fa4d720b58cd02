#pragma once
// What goes with Tokens and Money (weir/usage.h) within Weir: exact sums and prices.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "weir/usage.h"

namespace weir {

/// A sum of many entries: 128 bits, cannot overflow.
struct MoneySum {
  __int128 pico = 0;
  constexpr MoneySum& operator+=(Money m) {
    pico += m.pico;
    return *this;
  }
  constexpr MoneySum& operator-=(Money m) {
    pico -= m.pico;
    return *this;
  }
  constexpr MoneySum& operator+=(MoneySum m) {
    pico += m.pico;
    return *this;
  }
  friend constexpr MoneySum operator+(MoneySum a, MoneySum b) { return {a.pico + b.pico}; }
  friend constexpr MoneySum operator-(MoneySum a, MoneySum b) { return {a.pico - b.pico}; }
  friend constexpr auto operator<=>(MoneySum a, MoneySum b) { return a.pico <=> b.pico; }
  friend constexpr bool operator==(MoneySum a, MoneySum b) { return a.pico == b.pico; }
};

/// The price of one token in pico-dollars.
struct Price {
  std::int64_t pico_per_token = 0;
  friend constexpr auto operator<=>(Price, Price) = default;
};

/// tokens × price. Saturates at the largest Money instead of overflowing.
Money operator*(Tokens tokens, Price price);

/// Exact decimal text of dollars, no trailing zeros beyond two places: "0.00125", "3.00".
std::string to_usd(MoneySum sum);
/// For people: "$0.0123" (at least two places, about four significant digits).
std::string human_usd(MoneySum sum);
/// Decimal dollars per million tokens ("3.00", "0.00875") to a price; finer than a pico-dollar a token is rounded half up.
/// @error kInvalidArgument not a non-negative decimal, or too large.
Result<Price> parse_price_per_mtok(std::string_view text);
/// price × numerator / denominator, rounded half up once (providers.md 19.1).
Price derive(Price price, std::int64_t numerator, std::int64_t denominator);

}  // namespace weir
