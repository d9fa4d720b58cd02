#include "engine/plan_segment.h"

#include <gtest/gtest.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

constexpr std::uint64_t kMany = 10'000;  // some pages, and more than is written at once

class Segment : public ::testing::Test {
 protected:
  std::unique_ptr<PlanSegment> open(std::uint64_t committed) {
    return PlanSegment::open(files, "store", committed).value();
  }
  testing::MemoryFiles files;
};

TEST_F(Segment, GivesBackWhatWasAppended) {
  auto segment = open(0);
  for (std::uint64_t i = 0; i < kMany; ++i)
    ASSERT_TRUE(segment->append({.item = kMany - i, .marks = i << 40U}));
  for (const std::uint64_t place :
       {std::uint64_t{0}, std::uint64_t{255}, std::uint64_t{256}, kMany - 1})
    EXPECT_EQ(segment->at(place).value(), (PlanEntry{kMany - place, place << 40U}));
  ASSERT_TRUE(segment->sync());
  segment = open(segment->entries());
  for (std::uint64_t place = 0; place < kMany; ++place)
    ASSERT_EQ(segment->at(place).value().item, kMany - place);
}

TEST_F(Segment, WhatWasNotCommittedIsOverwritten) {
  auto segment = open(0);
  for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(segment->append({.item = i}));
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

TEST_F(Segment, AFileThatWasCutIsAnError) {
  auto segment = open(0);
  for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(segment->append({.item = i}));
  ASSERT_TRUE(segment->sync());
  files.bytes("store/plan.segment").resize(79);
  const auto cut = PlanSegment::open(files, "store", 5);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::kInternal);
  files.full = true;
  segment = open(4);
  ASSERT_TRUE(segment->append({.item = 1}));
  EXPECT_FALSE(segment->sync());
}

}  // namespace
}  // namespace weir::engine
