#include "engine/result_log.h"

#include <gmock/gmock.h>

#include "engine/testing.h"

namespace weir::engine {
namespace {

using testing::MemoryFiles;

class ResultLogTest : public ::testing::Test {
 protected:
  void open(std::uint64_t segment_bytes = 0, Watermark mark = {}) {
    log.reset();
    auto opened = ResultLog::open(files, "store", "out", 5, segment_bytes, mark);
    ASSERT_TRUE(opened.has_value()) << opened.error().text();
    log = std::move(*opened);
  }
  void append(std::uint64_t item, std::uint64_t sequence = ResultLog::kNoSequence) {
    const auto done = log->append({.item = item,
                                   .sequence = sequence,
                                   .end = ItemEnd::kSucceeded,
                                   .line = fmt::format("line {}", item),
                                   .usage_raw = "{}"});
    ASSERT_TRUE(done.has_value());
  }
  // The sequences of the frames that were found whole; those in `kept` count.
  std::vector<std::uint64_t> recover(const std::set<std::uint64_t>& kept) {
    std::vector<std::uint64_t> seen;
    const auto done = log->recover([&](const ResultLog::Record& record) {
      seen.push_back(record.sequence);
      EXPECT_EQ(record.line, fmt::format("line {}", record.item));
      EXPECT_EQ(record.usage_raw, "{}");
      return kept.contains(record.sequence);
    });
    EXPECT_TRUE(done.has_value());
    return seen;
  }
  std::string ends() {
    std::string out;
    for (std::uint64_t item = 0; item < 5; ++item)
      out += std::to_string(static_cast<int>(log->end_of(item).value()));
    return out;
  }
  MemoryFiles files;
  std::unique_ptr<ResultLog> log;
};

TEST_F(ResultLogTest, TheOutputGrowsByTheContiguousPrefix) {
  open();
  append(1);
  append(0);
  append(3);
  EXPECT_EQ(log->extend_output(1)->items, 1U);  // bounded by bytes
  EXPECT_EQ(log->extend_output(100)->items, 2U);
  EXPECT_EQ(log->extend_output(100)->items, 2U);  // item 2 has not ended
  append(2);
  append(4);
  EXPECT_EQ(log->extend_output(100)->items, 5U);
  EXPECT_EQ(log->extend_output(100)->items, 5U);  // after the end
  EXPECT_EQ(files.bytes("out"), "line 0\nline 1\nline 2\nline 3\nline 4\n");
  EXPECT_EQ(log->count()->succeeded, 5U);
}

TEST_F(ResultLogTest, OnResumeTheOutputIsCutToItsWatermark) {
  open();
  append(0);
  append(1);
  const auto mark = log->extend_output(1).value();
  ASSERT_TRUE(log->extend_output(100).has_value());
  open(log->segment_bytes(), mark);
  EXPECT_EQ(files.bytes("out"), "line 0\n");
  files.bytes("out") = "x";
  const auto opened = ResultLog::open(files, "store", "out", 5, 0, mark);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, ErrorKind::kInvalidArgument);
}

TEST_F(ResultLogTest, FramesThatDoNotCountLoseTheirSlots) {
  open();
  append(0);
  const auto committed = log->segment_bytes();
  append(1, 7);
  append(2);
  append(3, 9);
  const auto all = log->segment_bytes();
  open(committed);
  EXPECT_EQ(recover({7, 9}), (std::vector<std::uint64_t>{7, ResultLog::kNoSequence, 9}));
  EXPECT_EQ(ends(), "11010");
  EXPECT_EQ(log->segment_bytes(), all);
  EXPECT_TRUE(
      log->dirty());  // the cleared slot must reach the disk before that length is committed
  EXPECT_EQ(log->count()->succeeded, 3U);
}

TEST_F(ResultLogTest, ATornTailIsCutOff) {
  open();
  append(0, 1);
  append(1, 2);
  const std::string whole = files.bytes("store/results.segment");
  const auto frame = whole.size() / 2;
  for (std::size_t left = 0; left <= whole.size(); ++left) {
    files.bytes("store/results.segment") = whole.substr(0, left);
    open();
    EXPECT_EQ(recover({1, 2}).size(), left / frame) << left;
    EXPECT_EQ(ends(), left < frame ? "00000" : left < 2 * frame ? "10000" : "11000") << left;
    EXPECT_EQ(files.bytes("store/results.segment").size(), left / frame * frame);
    append(2);  // goes on behind it
    EXPECT_TRUE(log->extend_output(100).has_value());
    files.bytes("store/results.slots").clear();
    files.bytes("out").clear();
  }
}

TEST_F(ResultLogTest, ADamagedFrameEndsTheTail) {
  open();
  append(0, 1);
  append(1, 2);
  const std::string whole = files.bytes("store/results.segment");
  for (std::size_t at = 0; at < whole.size() / 2; ++at) {
    files.bytes("store/results.segment") = whole;
    files.bytes("store/results.segment")[at] ^= 0x10;
    open();
    EXPECT_TRUE(recover({1, 2}).empty()) << at;
  }
}

TEST_F(ResultLogTest, ATornSlotDoesNotCount) {
  open();
  append(0);
  append(1);
  files.bytes("store/results.slots").resize(31);  // the last byte of the last slot
  open();
  recover({});
  EXPECT_EQ(ends(), "00000");
}

TEST_F(ResultLogTest, ACommittedRecordThatIsDamagedIsTold) {
  open();
  append(0);
  files.bytes("store/results.segment")[45] ^= 1;
  EXPECT_EQ(log->extend_output(100).error().kind, ErrorKind::kInternal);
  files.bytes("store/results.segment")[0] ^= 1;
  EXPECT_EQ(log->origin_of(0).error().kind, ErrorKind::kInternal);
}

TEST_F(ResultLogTest, ASegmentShorterThanCommittedIsDamage) {
  const auto opened = ResultLog::open(files, "store", "out", 5, 100, {});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, ErrorKind::kInternal);
}

TEST_F(ResultLogTest, AFullDiskLeavesTheItemOpen) {
  open();
  files.full = true;
  EXPECT_FALSE(log->append({.item = 0, .end = ItemEnd::kFailed, .line = "x"}).has_value());
  files.full = false;
  EXPECT_EQ(ends(), "00000");
  append(0);
  EXPECT_EQ(ends(), "10000");
}

TEST_F(ResultLogTest, ItKnowsWhichAttemptEndedAnItem) {
  open();
  ASSERT_TRUE(
      log->append({.item = 2, .batch = 4, .sequence = 17, .end = ItemEnd::kFailed, .line = "x"})
          .has_value());
  EXPECT_EQ(log->origin_of(2)->batch, 4U);
  EXPECT_EQ(log->origin_of(2)->sequence, 17U);
}

TEST_F(ResultLogTest, AReaderCountsOnlyWhatIsCommitted) {
  open();
  append(0);
  const auto committed = log->segment_bytes();
  append(1);
  EXPECT_EQ(count_ends(files, "store", 5, committed)->ended(), 1U);
}

}  // namespace
}  // namespace weir::engine
