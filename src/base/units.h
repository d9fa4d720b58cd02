#pragma once
// Tokens and Money: strong integers, so that a count is never mistaken for a price. Money never passes a double.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

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

/// Integer pico-dollars (1e-12 USD), 64 bits: one entry holds up to 9.2 million dollars. Sums use MoneySum.
struct Money {
  std::int64_t pico = 0;
  friend constexpr auto operator<=>(Money, Money) = default;
  friend constexpr Money operator+(Money a, Money b) { return {a.pico + b.pico}; }
  friend constexpr Money operator-(Money a, Money b) { return {a.pico - b.pico}; }
};

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
inline std::string to_usd(Money m) { return to_usd(MoneySum{m.pico}); }
/// For people: "$0.0123" (at least two places, about four significant digits).
std::string human_usd(MoneySum sum);
inline std::string human_usd(Money m) { return human_usd(MoneySum{m.pico}); }
/// Dollars as decimal text ("12.50") to Money. @error kInvalidArgument not a decimal, finer than a pico-dollar, or too large.
Result<Money> parse_usd(std::string_view text);
/// Decimal dollars per million tokens ("3.00", "0.00875") to a price; finer than a pico-dollar a token is rounded half up.
/// @error kInvalidArgument not a non-negative decimal, or too large.
Result<Price> parse_price_per_mtok(std::string_view text);
/// price × numerator / denominator, rounded half up once (providers.md 19.1).
Price derive(Price price, std::int64_t numerator, std::int64_t denominator);

}  // namespace weir
