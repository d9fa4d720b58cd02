#include "base/units.h"

#include <algorithm>
#include <limits>

namespace weir {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

// Decimal text times 10^scale, rounded half up at the last place kept.
Result<std::int64_t> scaled(std::string_view text, int scale, bool exact) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorKind::kInvalidArgument,
                "'" + std::string(text.substr(0, 40)) + "' is " + std::string(why));
  };
  __int128 value = 0;
  int places = -1;
  bool any = false, round_up = false;
  for (const char c : text) {
    if (c == '.' && places < 0) {
      places = 0;
      continue;
    }
    if (c < '0' || c > '9') return bad("not a decimal number such as 12.50");
    any = true;
    if (places >= scale) {
      if (exact && c != '0') return bad("finer than a pico-dollar");
      if (places == scale) round_up = c >= '5';
      ++places;
      continue;
    }
    value = value * 10 + (c - '0');
    if (value > kMax) return bad("too large");
    if (places >= 0) ++places;
  }
  if (!any) return bad("not a decimal number such as 12.50");
  for (int i = std::max(places, 0); i < scale; ++i) {
    value *= 10;
    if (value > kMax) return bad("too large");
  }
  if (round_up && ++value > kMax) return bad("too large");
  return static_cast<std::int64_t>(value);
}

std::string digits_of(unsigned __int128 value) {
  std::string out;
  do {
    out.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value != 0);
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

Money operator*(Tokens tokens, Price price) {
  const __int128 product = static_cast<__int128>(tokens.count) * price.pico_per_token;
  if (product > kMax) return {kMax};
  return {static_cast<std::int64_t>(product)};
}

std::string to_usd(MoneySum sum) {
  const bool negative = sum.pico < 0;
  const auto magnitude = static_cast<unsigned __int128>(negative ? -sum.pico : sum.pico);
  std::string text = digits_of(magnitude);
  if (text.size() < 13) text.insert(0, 13 - text.size(), '0');
  text.insert(text.size() - 12, ".");
  while (text.back() == '0' && text[text.size() - 3] != '.') text.pop_back();
  return negative ? "-" + text : text;
}

std::string human_usd(MoneySum sum) {
  const bool negative = sum.pico < 0;
  auto magnitude = static_cast<unsigned __int128>(negative ? -sum.pico : sum.pico);
  // Whole cents from ten dollars up, else four significant digits down to a micro-dollar.
  unsigned __int128 unit = 10'000'000'000;  // one cent
  for (unsigned __int128 limit = 10'000'000'000'000; unit > 1'000'000 && magnitude < limit;
       limit /= 10)
    unit /= 10;
  magnitude = (magnitude + unit / 2) / unit * unit;
  std::string text = to_usd(MoneySum{static_cast<__int128>(magnitude)});
  return (negative ? "-$" : "$") + text;
}

std::string to_usd(Money money) { return to_usd(MoneySum{money.pico}); }
std::string human_usd(Money money) { return human_usd(MoneySum{money.pico}); }

Result<Money> parse_usd(std::string_view text) {
  WEIR_TRY(const auto pico, scaled(text, 12, true));
  return Money{pico};
}

Result<Price> parse_price_per_mtok(std::string_view text) {
  WEIR_TRY(const auto pico, scaled(text, 6, false));
  return Price{pico};
}

Price derive(Price price, std::int64_t numerator, std::int64_t denominator) {
  WEIR_ASSERT(denominator > 0);
  const __int128 product = static_cast<__int128>(price.pico_per_token) * numerator;
  return {static_cast<std::int64_t>((product * 2 + denominator) /
                                    (static_cast<__int128>(denominator) * 2))};
}

}  // namespace weir
