#include "plan/cached_content.h"

#include <gmock/gmock.h>

#include "base/random.h"

namespace weir::plan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// gemini-2.5-flash, and a prompt of 25 KB.
ContentInput flash(std::uint64_t reads) {
  return {.tokens = {6250},
          .tokens_min = {2048},
          .reads = reads,
          .reads_take = 10min,
          .implicit_hit_rate = 0.7,
          .input = {300'000},
          .read = {30'000},
          .storage_hour = {1'000'000}};
}

TEST(CachedContent, PaysForManyReads) {
  const auto plan = plan_content(flash(1200));
  EXPECT_TRUE(plan.pays);
  EXPECT_EQ(plan.ttl, 13min + 30s);
  // 1200 × 6250 × 0.27 $/M × 0.3
  EXPECT_EQ(plan.saves.pico, 607'500'000'000);
  // 6250 tokens at 0.30 $/M, and 810 s of a dollar per million and hour.
  EXPECT_EQ(plan.costs.pico, 6250 * 300'000LL + 6250 * 1'000'000LL * 810 / 3600);
  EXPECT_THAT(plan.reason, HasSubstr("1200 reads × 6250 tokens"));
  EXPECT_THAT(plan.reason, HasSubstr("saves $0.6075"));
}

TEST(CachedContent, DoesNotPayForFew) {
  EXPECT_FALSE(plan_content(flash(6)).pays);
  EXPECT_TRUE(plan_content(flash(7)).pays);
  auto certain = flash(1'000'000);
  certain.implicit_hit_rate = 1;  // the automatic cache does it for nothing
  EXPECT_FALSE(plan_content(certain).pays);
}

TEST(CachedContent, NotBelowTheProvidersMinimum) {
  auto input = flash(1'000'000);
  input.tokens = {2047};
  const auto plan = plan_content(input);
  EXPECT_FALSE(plan.pays);
  EXPECT_THAT(plan.reason, HasSubstr("2047 shared tokens are fewer than the 2048"));
}

TEST(CachedContent, TheBackstopIsShort) {
  auto input = flash(1000);
  input.reads_take = 1s;
  EXPECT_EQ(plan_content(input).ttl, kContentTtlMin);
  input.reads_take = 40h;
  EXPECT_EQ(plan_content(input).ttl, kContentTtlMax);
}

TEST(CachedContent, AnExtensionPaysStorageOnly) {
  auto input = flash(1);
  input.implicit_hit_rate = 0;
  input.reads_take = 1s;
  EXPECT_TRUE(plan_extension(input).pays);  // a read saves 0.27 $/M, five minutes cost 0.083
  input.reads_take = 1h;
  EXPECT_FALSE(plan_extension(input).pays);
  EXPECT_TRUE(extension_due(50s, 300s, 10min));
  EXPECT_FALSE(extension_due(50s, 300s, 40s));     // it lasts
  EXPECT_FALSE(extension_due(200s, 300s, 10min));  // there is time
}

// Whatever it is told, what it plans costs less than it saves, reckoned anew: each read cheaper by what the automatic cache does not
// give, against the tokens written once and kept for the TTL or for as long as the reads take.
TEST(CachedContent, NeverPlansALoss) {
  SeededRandom random(11);
  const auto up_to = [&](std::uint64_t most) {
    return static_cast<std::int64_t>(random.below(most + 1));
  };
  std::uint64_t planned = 0;
  for (int i = 0; i < 20'000; ++i) {
    const ContentInput input{.tokens = {up_to(2'000'000)},
                             .tokens_min = {up_to(8000)},
                             .reads = static_cast<std::uint64_t>(up_to(1U << up_to(24))),
                             .reads_take = std::chrono::seconds(up_to(1U << up_to(20))),
                             .implicit_hit_rate = random.unit(),
                             .input = {up_to(5'000'000)},
                             .read = {up_to(1'000'000)},
                             .storage_hour = {up_to(10'000'000)}};
    const auto plan = plan_content(input);
    if (!plan.pays) continue;
    ++planned;
    ASSERT_GE(input.tokens, input.tokens_min);
    const auto tokens = static_cast<long double>(input.tokens.count);
    const auto cheaper =
        static_cast<long double>(input.input.pico_per_token - input.read.pico_per_token);
    const auto saves = static_cast<long double>(input.reads) * tokens * cheaper *
                       (1 - static_cast<long double>(input.implicit_hit_rate));
    const auto kept = static_cast<long double>(std::max<Duration>(plan.ttl, input.reads_take) /
                                               std::chrono::seconds(1));
    const auto costs =
        tokens * static_cast<long double>(input.input.pico_per_token) +
        tokens * kept * static_cast<long double>(input.storage_hour.pico_per_token) / 3600;
    ASSERT_LT(costs, saves + 1) << i << ": " << plan.reason;
  }
  EXPECT_GT(planned, 1000U);
}

}  // namespace
}  // namespace weir::plan
