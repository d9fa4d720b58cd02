#include "engine/result_reader.h"

#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryFiles;

class ResultReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log = ResultLog::open(files, "store", "out", 5, 0, {}).value();
    for (const std::uint64_t item : {3U, 0U, 1U}) append(item);
    committed = log->segment_bytes();
    append(4);
  }
  void append(std::uint64_t item) {
    ASSERT_TRUE(log->append({.item = item,
                             .end = item == 1 ? ItemEnd::kFailed : ItemEnd::kSucceeded,
                             .line = fmt::format("line {}", item)})
                    .has_value());
  }
  std::unique_ptr<ResultReader> open() {
    return ResultReader::open(files, "store", 5, committed).value();
  }
  MemoryFiles files;
  std::unique_ptr<ResultLog> log;
  std::uint64_t committed = 0;
};

TEST_F(ResultReaderTest, SeesWhatIsCommittedInInputOrder) {
  std::vector<std::string> lines;
  ASSERT_TRUE(open()->visit([&](const ResultLog::Record& record) -> Result<bool> {
    lines.push_back(record.line);
    return true;
  }));
  EXPECT_THAT(lines, ElementsAre("line 0", "line 1", "line 3"));
  EXPECT_EQ(open()->count()->ended(), 3U);
  EXPECT_EQ(open()->count()->failed, 1U);
  EXPECT_FALSE(open()->record(4)->has_value());
  EXPECT_FALSE(open()->record(5)->has_value());
  const auto found = open()->check();
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->wrong.empty());
  EXPECT_EQ(found->frames, 3U);
}

TEST_F(ResultReaderTest, AVisitorMayStop) {
  int seen = 0;
  ASSERT_TRUE(open()->visit([&](const ResultLog::Record&) -> Result<bool> { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST_F(ResultReaderTest, EveryFlippedByteOfTheSegmentIsFound) {
  auto& segment = files.bytes("store/results.segment");
  for (std::size_t at = 0; at < committed; ++at) {
    segment[at] = static_cast<char>(segment[at] ^ 0x10);
    const auto found = open()->check();
    ASSERT_TRUE(found.has_value());
    EXPECT_FALSE(found->wrong.empty()) << at;
    segment[at] = static_cast<char>(segment[at] ^ 0x10);
  }
}

TEST_F(ResultReaderTest, ASlotThatPointsElsewhereAndACutSegmentAreFound) {
  auto& slots = files.bytes("store/results.slots");
  std::swap_ranges(slots.begin(), slots.begin() + 16, slots.begin() + 48);
  const auto moved = open()->check();
  ASSERT_EQ(moved->wrong.size(), 2U);
  EXPECT_THAT(moved->wrong[0], HasSubstr("item 0 points to"));
  EXPECT_EQ(open()->record(0).error().kind, ErrorKind::kInternal);
  files.bytes("store/results.segment").resize(committed - 1);
  EXPECT_THAT(open()->check()->wrong.front(), HasSubstr("were committed"));
}

}  // namespace
}  // namespace weir::engine
