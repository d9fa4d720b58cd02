#include "base/ids.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace weir {
namespace {

constexpr std::uint64_t kTop = ~std::uint64_t{0};

TEST(Crockford, KnownValues) {
  EXPECT_EQ(crockford(0, 0), "00000000000000000000000000");
  EXPECT_EQ(crockford(0, 31), "0000000000000000000000000Z");
  EXPECT_EQ(crockford(kTop, kTop), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

RC_GTEST_PROP(Crockford, ReadsWhatItWrites, (std::uint64_t high, std::uint64_t low)) {
  const auto words = parse_crockford(crockford(high, low));
  RC_ASSERT(words.has_value());
  RC_ASSERT((*words == std::array{high, low}));
}

RC_GTEST_PROP(Crockford, TextSortsAsTheIdsDo,
              (std::uint64_t a, std::uint64_t b, std::uint64_t low)) {
  RC_ASSERT((crockford(a, low) < crockford(b, low)) == (a < b));
}

TEST(Crockford, RefusesTheRest) {
  for (const auto text :
       {"", "0", "0000000000000000000000000", "000000000000000000000000000",
        "80000000000000000000000000", "0000000000000000000000000U", "0000000000000000000000000z"})
    EXPECT_EQ(parse_crockford(text), std::nullopt) << text;
}

TEST(Id, BeginsWithItsTime) {
  SeededRandom random(7);
  const auto early = JobId::make(from_unix_seconds(1'000), random);
  const auto late = JobId::make(from_unix_seconds(1'001), random);
  EXPECT_LT(early, late);
  EXPECT_LT(early.text(), late.text());
  EXPECT_EQ(early.high >> 16, 1'000'000U);
  EXPECT_EQ(JobId::parse(late.text()), late);
  EXPECT_TRUE(JobId().empty());
}

TEST(Id, SameSeedSameIds) {
  SeededRandom one(9), two(9);
  EXPECT_EQ(JobId::make(Time{}, one), JobId::make(Time{}, two));
}

RC_GTEST_PROP(CustomId, ReadsBackItsSequence, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto batch = BatchId::make(from_unix_seconds(1'795'469'357), random);
  const auto sequence = *rc::gen::inRange<std::uint64_t>(0, 1'000'000'000);
  const auto text = custom_id(batch, sequence);
  RC_ASSERT(text.starts_with(custom_id_prefix(batch)));
  RC_ASSERT(text.size() <= 64);
  RC_ASSERT(parse_custom_id(batch, text) == sequence);
  RC_ASSERT(parse_custom_id(BatchId::make(Time{}, random), text) == std::nullopt);
}

TEST(CustomId, RefusesWhatIsNotOurs) {
  const BatchId batch{1, 2};
  const auto prefix = custom_id_prefix(batch);
  EXPECT_EQ(prefix.size(), 18U);
  for (const auto& tail : {std::string(), std::string("A"), std::string("01"), std::string("1 "),
                           std::string("-1"), std::string(13, '1')})
    EXPECT_EQ(parse_custom_id(batch, prefix + tail), std::nullopt) << tail;
  EXPECT_EQ(parse_custom_id(batch, "request-1"), std::nullopt);
}

TEST(Base36, KnownValues) {
  EXPECT_EQ(base36(0), "0");
  EXPECT_EQ(base36(35), "z");
  EXPECT_EQ(base36(36), "10");
  EXPECT_EQ(base36(kTop), "3w5e11264sgsf");
}

}  // namespace
}  // namespace weir
