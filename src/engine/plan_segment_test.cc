#include "engine/plan_segment.h"

#include <gtest/gtest.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

constexpr std::uint32_t kMany = 10'000;  // some pages, and more than is written at once

class Segment : public ::testing::Test {
 protected:
  std::unique_ptr<PlanSegment> open(std::uint64_t committed) {
    return PlanSegment::open(files_, "store", committed).value();
  }
  testing::MemoryFiles files_;
};

TEST_F(Segment, GivesBackWhatWasAppended) {
  auto segment = open(0);
  const auto entry = [](std::uint32_t place) {
    return PlanEntry{.item = kMany - place,
                     .waits_for = place % 3 == 0 ? PlanEntry::kNobody : place,
                     .marks = PackedMarks::from_bits(std::uint64_t{place} << 40U)};
  };
  for (std::uint32_t place = 0; place < kMany; ++place) ASSERT_TRUE(segment->append(entry(place)));
  for (const std::uint32_t place : {0U, 255U, 256U, kMany - 1})
    EXPECT_EQ(segment->at(place).value(), entry(place));
  ASSERT_TRUE(segment->sync());
  segment = open(segment->entries());
  for (std::uint64_t place = 0; place < kMany; ++place)
    ASSERT_EQ(segment->at(place).value().item, kMany - place);
}

TEST_F(Segment, WhatWasNotCommittedIsOverwritten) {
  auto segment = open(0);
  for (std::uint32_t i = 0; i < 5; ++i) ASSERT_TRUE(segment->append({.item = i}));
  ASSERT_TRUE(segment->sync());
  segment = open(2);
  EXPECT_EQ(segment->entries(), 2U);
  ASSERT_TRUE(segment->append({.item = 77}));
  EXPECT_EQ(segment->at(2).value().item, 77U);
  ASSERT_TRUE(segment->sync());
  EXPECT_EQ(segment->at(1).value().item, 1U);
  EXPECT_EQ(segment->at(2).value().item, 77U);
}

TEST_F(Segment, AnInputOrderRangeNeedsNoEntries) {
  auto segment = open(0);
  EXPECT_EQ(segment->member({.first = 40, .count = 10}, 9).value().item, 49U);
  ASSERT_TRUE(segment->append({.item = 9}));
  ASSERT_TRUE(segment->append({.item = 4}));
  EXPECT_EQ(segment->member({.planned = true, .first = 1, .count = 1}, 0).value().item, 4U);
  EXPECT_TRUE(segment->sync());
}

TEST_F(Segment, RestartedItHoldsNothing) {
  auto segment = open(0);
  for (std::uint32_t i = 0; i < kMany; ++i) ASSERT_TRUE(segment->append({.item = i}));
  ASSERT_TRUE(segment->restart());
  EXPECT_EQ(segment->entries(), 0U);
  ASSERT_TRUE(segment->append({.item = 7}));
  ASSERT_TRUE(segment->sync());
  EXPECT_EQ(open(1)->at(0).value().item, 7U);
}

TEST(PackedMarks, AreWhatWasPlanned) {
  using Places = std::vector<std::uint32_t>;
  EXPECT_EQ(PackedMarks().places(), Places{0});
  EXPECT_EQ(PackedMarks::of({.block = {0}, .count = 1}), PackedMarks());
  EXPECT_EQ(PackedMarks::of({}), PackedMarks::none());
  EXPECT_TRUE(PackedMarks::none().places().empty());
  const auto four = PackedMarks::of({.block = {0, 7, 300, 65533}, .count = 4});
  EXPECT_EQ(four.places(), (Places{0, 7, 300, 65533}));
  EXPECT_EQ(PackedMarks::from_bits(four.bits()), four);
  EXPECT_EQ(PackedMarks::of({.block = {3, 65534}, .count = 2}).places(), Places{3});
}

TEST_F(Segment, AFileThatWasCutIsAnError) {
  auto segment = open(0);
  for (std::uint32_t i = 0; i < 5; ++i) ASSERT_TRUE(segment->append({.item = i}));
  ASSERT_TRUE(segment->sync());
  files_.bytes("store/plan.segment").resize(79);
  const auto cut = PlanSegment::open(files_, "store", 5);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::kInternal);
  files_.full = true;
  segment = open(4);
  ASSERT_TRUE(segment->append({.item = 1}));
  EXPECT_FALSE(segment->sync());
}

}  // namespace
}  // namespace weir::engine
