#include "base/random.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace weir {
namespace {

TEST(SeededRandom, IsSplitMix64) {
  SeededRandom random(1234567);  // the reference implementation's vector
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
}

RC_GTEST_PROP(SeededRandom, StaysInItsBounds, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto bound = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  RC_ASSERT(random.below(bound) < bound);
  const double unit = random.unit();
  RC_ASSERT(unit >= 0.0);
  RC_ASSERT(unit < 1.0);
}

}  // namespace
}  // namespace weir
