#include "base/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace weir {
namespace {

constexpr std::int64_t kPicoPerDollar = 1'000'000'000'000;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

ErrorKind kind_of(const auto& result) {
  EXPECT_FALSE(result.has_value());
  return result ? ErrorKind::kInternal : result.error().kind;
}

TEST(Money, ReadsDecimalText) {
  EXPECT_EQ(parse_usd("12.50")->pico, 12 * kPicoPerDollar + kPicoPerDollar / 2);
  EXPECT_EQ(parse_usd("0")->pico, 0);
  EXPECT_EQ(parse_usd("0.000000000001")->pico, 1);
  EXPECT_EQ(parse_usd("0.0000000000010000")->pico, 1);
  EXPECT_EQ(parse_usd("9223372.036854775807")->pico, kMax);
}

TEST(Money, RefusesWhatIsNoAmount) {
  for (const auto text : {"", ".", "-1", "+1", "1,5", "1e3", "0x1", " 1", "1 ", "1.2.3", "NaN"})
    EXPECT_EQ(kind_of(parse_usd(text)), ErrorKind::kInvalidArgument) << text;
}

TEST(Money, RefusesFinerThanAPicoDollarAndTooLarge) {
  EXPECT_EQ(kind_of(parse_usd("0.0000000000001")), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind_of(parse_usd("9223372.036854775808")), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind_of(parse_usd(std::string(5000, '9'))), ErrorKind::kInvalidArgument);
}

TEST(Money, WritesExactText) {
  EXPECT_EQ(to_usd(Money{0}), "0.00");
  EXPECT_EQ(to_usd(Money{1}), "0.000000000001");
  EXPECT_EQ(to_usd(Money{3 * kPicoPerDollar}), "3.00");
  EXPECT_EQ(to_usd(Money{1'250'000'000}), "0.00125");
  EXPECT_EQ(to_usd(Money{-1'250'000'000}), "-0.00125");
}

RC_GTEST_PROP(Money, TextReadsBackTheSame, ()) {
  const auto pico = *rc::gen::inRange<std::int64_t>(0, kMax);
  RC_ASSERT(parse_usd(to_usd(Money{pico}))->pico == pico);
}

TEST(Money, ForPeopleFourDigitsOrCents) {
  EXPECT_EQ(human_usd(Money{0}), "$0.00");
  EXPECT_EQ(human_usd(Money{12'345 * (kPicoPerDollar / 1000)}), "$12.35");
  EXPECT_EQ(human_usd(Money{1'234'567'890'000}), "$1.235");
  EXPECT_EQ(human_usd(Money{12'344'000'000}), "$0.01234");
  EXPECT_EQ(human_usd(Money{-2 * kPicoPerDollar}), "-$2.00");
}

TEST(MoneySum, HoldsMoreThanOneEntryCould) {
  MoneySum sum;
  for (int i = 0; i < 1000; ++i) sum += Money{kMax};
  EXPECT_EQ(to_usd(sum), "9223372036.854775807");
  sum -= Money{kMax};
  EXPECT_LT(sum, MoneySum{static_cast<__int128>(kMax) * 1000});
}

TEST(Price, IsPicoDollarsAToken) {
  EXPECT_EQ(parse_price_per_mtok("3.00")->pico_per_token, 3'000'000);
  EXPECT_EQ(parse_price_per_mtok("0.00875")->pico_per_token, 8'750);
}

TEST(Price, FinerThanAPicoDollarIsRoundedHalfUp) {
  EXPECT_EQ(parse_price_per_mtok("0.0000014")->pico_per_token, 1);
  EXPECT_EQ(parse_price_per_mtok("0.0000015")->pico_per_token, 2);
  EXPECT_EQ(parse_price_per_mtok("0.00000149999")->pico_per_token, 1);
  EXPECT_EQ(parse_price_per_mtok("0.0000005")->pico_per_token, 1);
}

TEST(Price, RoundingUpCannotOverflow) {
  EXPECT_EQ(parse_price_per_mtok("9223372036854.775807")->pico_per_token, kMax);
  EXPECT_EQ(parse_price_per_mtok("9223372036854.7758074")->pico_per_token, kMax);
  EXPECT_EQ(kind_of(parse_price_per_mtok("9223372036854.7758075")), ErrorKind::kInvalidArgument);
}

TEST(Price, DerivedPricesRoundHalfUpOnce) {
  EXPECT_EQ(derive(Price{3'000'000}, 1, 10).pico_per_token, 300'000);
  EXPECT_EQ(derive(Price{5}, 1, 2).pico_per_token, 3);
  EXPECT_EQ(derive(Price{4}, 1, 3).pico_per_token, 1);
  EXPECT_EQ(derive(Price{5}, 1, 3).pico_per_token, 2);
  EXPECT_EQ(derive(Price{0}, 5, 4).pico_per_token, 0);
}

RC_GTEST_PROP(Price, DerivedIsTheNearest, ()) {
  const auto price = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000);
  const auto numerator = *rc::gen::inRange<std::int64_t>(0, 1000);
  const auto denominator = *rc::gen::inRange<std::int64_t>(1, 1000);
  const auto derived = derive(Price{price}, numerator, denominator).pico_per_token;
  const auto twice_error = 2 * (derived * denominator - price * numerator);
  RC_ASSERT(twice_error <= denominator);
  RC_ASSERT(twice_error > -denominator);
}

TEST(Tokens, TimesPriceSaturates) {
  EXPECT_EQ((Tokens{1'000'000} * Price{3'000'000}).pico, 3 * kPicoPerDollar);
  EXPECT_EQ((Tokens{kMax} * Price{2}).pico, kMax);
}

}  // namespace
}  // namespace weir
