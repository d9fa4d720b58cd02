#include "engine/gather.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using Why = GatherGroup::Why;
using Items = std::vector<std::uint64_t>;

const Time kBegin = from_unix_seconds(1'795'000'000);

TEST(GatherGroup, GoesAtItsCount) {
  GatherGroup group({.count_max = 3});
  EXPECT_FALSE(group.add(1, 10, false, kBegin));
  EXPECT_FALSE(group.add(2, 10, false, kBegin));
  const auto flush = group.add(3, 10, false, kBegin);
  ASSERT_TRUE(flush);
  EXPECT_EQ(flush->items, (Items{1, 2, 3}));
  EXPECT_EQ(flush->why, Why::kCount);
  EXPECT_EQ(group.waiting() + group.bytes(), 0U);
  EXPECT_EQ(group.wake_at(), std::nullopt);
}

TEST(GatherGroup, GoesByTheAgeOfTheOldest) {
  GatherGroup group({.age_max = 30s});
  EXPECT_FALSE(group.add(1, 10, false, kBegin));
  EXPECT_FALSE(group.add(2, 10, false, kBegin + 20s));
  EXPECT_EQ(group.wake_at(), kBegin + 30s);
  EXPECT_FALSE(group.on_time(kBegin + 30s - 1us));
  const auto flush = group.on_time(kBegin + 30s);
  ASSERT_TRUE(flush);
  EXPECT_EQ(flush->items, (Items{1, 2}));
  EXPECT_EQ(flush->why, Why::kAge);
  EXPECT_FALSE(group.on_time(kBegin + 1h));
}

TEST(GatherGroup, GoesByItsBytes) {
  GatherGroup group({.bytes_max = 100});
  EXPECT_FALSE(group.add(1, 60, false, kBegin));
  const auto full = group.add(2, 60, false, kBegin);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->items, Items{1}) << "the one that did not fit waits";
  EXPECT_EQ(group.bytes(), 60U);
  const auto large = group.add(3, 500, false, kBegin);
  ASSERT_TRUE(large);
  EXPECT_EQ(large->items, (Items{2, 3}));
  EXPECT_EQ(large->why, Why::kBytes);
}

TEST(GatherGroup, UrgentOnesPass) {
  GatherGroup group({});
  EXPECT_FALSE(group.add(1, 10, false, kBegin));
  const auto urgent = group.add(2, 10, true, kBegin);
  ASSERT_TRUE(urgent);
  EXPECT_EQ(urgent->items, Items{2});
  EXPECT_EQ(urgent->why, Why::kUrgent);
  EXPECT_EQ(group.waiting(), 1U);
  EXPECT_EQ(group.drain()->items, Items{1});
  EXPECT_FALSE(group.drain());
}

TEST(GatherGroup, ComesBackAsItWasAndUnderOtherOptions) {
  GatherGroup group({});
  EXPECT_FALSE(group.add(7, 10, false, kBegin));
  EXPECT_FALSE(group.add(8, 20, false, kBegin + 1s));
  auto back = GatherGroup::decode(group.encode(), {.count_max = 2});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->encode(), group.encode());
  EXPECT_EQ(back->bytes(), 30U);
  const auto due = back->on_time(kBegin + 1s);
  ASSERT_TRUE(due) << "it is full now";
  EXPECT_EQ(due->items, (Items{7, 8}));
}

TEST(GatherGroup, DamagedTextsAreErrors) {
  for (const auto* text : {"", "{}", R"({"v":2,"items":[]})", R"({"v":1,"items":3})",
                           R"({"v":1,"items":[[1,2]]})", R"({"v":1,"items":[[1,2,-3]]})"})
    EXPECT_FALSE(GatherGroup::decode(text, {})) << text;
}

// Whatever comes when: every item leaves once and in order, no group passes its limits, none waits longer than it may.
RC_GTEST_PROP(GatherGroup, NothingIsLostOrLate, ()) {
  const GatherOptions options{.count_max = *rc::gen::inRange<std::uint64_t>(1, 8),
                              .age_max = std::chrono::seconds(*rc::gen::inRange(1, 60)),
                              .bytes_max = *rc::gen::inRange<std::uint64_t>(1, 200)};
  GatherGroup group(options);
  std::vector<Time> since;
  Items left;
  Time now = kBegin;
  const auto take = [&](const std::optional<GatherGroup::Flush>& flush) {
    if (!flush) return;
    RC_ASSERT(!flush->items.empty());
    RC_ASSERT(flush->items.size() <= options.count_max);
    for (const auto item : flush->items) {
      RC_ASSERT(now - since[item] <= options.age_max);
      left.push_back(item);
    }
  };
  const auto steps = *rc::gen::inRange(1, 80);
  for (int step = 0; step < steps; ++step) {
    const Time next = now + std::chrono::seconds(*rc::gen::inRange(0, 20));
    while (group.wake_at() && *group.wake_at() <= next) {
      now = std::max(now, *group.wake_at());
      take(group.on_time(now));
    }
    now = next;
    since.push_back(now);
    take(group.add(since.size() - 1, *rc::gen::inRange<std::uint64_t>(0, 150), false, now));
    RC_ASSERT(group.waiting() < options.count_max || options.count_max == 1);
  }
  now = group.wake_at().value_or(now);
  take(group.drain());
  Items all(since.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  RC_ASSERT(left == all);
}

}  // namespace
}  // namespace weir::engine
