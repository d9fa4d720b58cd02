#include "runtime/mapped_journal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "runtime/store_test_folder.h"

namespace weir::runtime {
namespace {

using Outcome = engine::JournalEntry::Outcome;

const Time kNow = from_unix_micros(1'795'000'000'123'456);
constexpr std::streamoff kSlotBytes = 192;

class MappedJournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<MappedJournal> open(std::uint32_t slots = 4,
                                      const std::string& name = "journal") {
    auto opened = MappedJournal::open(folder.path(name), slots);
    EXPECT_TRUE(opened.has_value()) << opened.error().text();
    return opened ? std::move(*opened) : nullptr;
  }
  // What a process that was killed at this moment would leave: the file as it stands, no sync.
  std::unique_ptr<MappedJournal> after_kill() {
    std::filesystem::copy_file(folder.path("journal"), folder.path("killed"),
                               std::filesystem::copy_options::overwrite_existing);
    return open(4, "killed");
  }
  void flip(std::streamoff at) {
    std::fstream file(folder.path("journal"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
  }
  StoreTestFolder folder;
};

TEST_F(MappedJournalTest, AnIntentStandsAtOnceAndAnOutcomeToo) {
  auto journal = open();
  EXPECT_EQ(journal->free_slots(), 4U);
  const auto slot = journal->intent(9, AttemptId{1, 2}, 77, Money{500}, kNow).value();
  auto left = after_kill()->entries();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].sequence, 9U);
  EXPECT_EQ(left[0].attempt, (AttemptId{1, 2}));
  EXPECT_EQ(left[0].item, 77U);
  EXPECT_EQ(left[0].ceiling, Money{500});
  EXPECT_EQ(left[0].sent_at, kNow);
  EXPECT_EQ(left[0].outcome, Outcome::kOpen);
  const llm::Usage usage{{1}, {2}, {3}, {4}, {5}, {6}};
  journal->outcome(slot, Outcome::kBilled, kNow, usage);
  left = after_kill()->entries();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].outcome, Outcome::kBilled);
  EXPECT_EQ(left[0].usage, usage);
  EXPECT_EQ(left[0].priced_at, kNow);
  journal->release(slot);
  EXPECT_TRUE(after_kill()->entries().empty());
  EXPECT_EQ(journal->free_slots(), 4U);
}

TEST_F(MappedJournalTest, EverySlotTakenIsAnError) {
  auto journal = open(2);
  ASSERT_TRUE(journal->intent(1, {}, 0, {}, kNow).has_value());
  const auto second = journal->intent(2, {}, 0, {}, kNow);
  const auto third = journal->intent(3, {}, 0, {}, kNow);
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().kind, ErrorKind::kUnavailable);
  journal->release(*second);
  EXPECT_TRUE(journal->intent(3, {}, 0, {}, kNow).has_value());
}

TEST_F(MappedJournalTest, ASlotsOldOutcomeNeverFitsItsNextTenant) {
  auto journal = open(1);
  const auto slot = journal->intent(1, {}, 0, {}, kNow).value();
  journal->outcome(slot, Outcome::kNotBilled, kNow, {});
  journal->release(slot);
  ASSERT_TRUE(journal->intent(2, {}, 0, {}, kNow).has_value());
  EXPECT_EQ(journal->entries()[0].outcome, Outcome::kOpen);
}

TEST_F(MappedJournalTest, ATornOutcomeIsOpenAndATornIntentNeverWas) {
  {
    auto journal = open();
    const auto slot = journal->intent(1, {}, 0, {}, kNow).value();
    journal->outcome(slot, Outcome::kBilled, kNow, {});
    ASSERT_TRUE(journal->sync().has_value());
  }
  flip(kSlotBytes + 60);  // in the outcome of the first slot
  {
    const auto journal = open();
    ASSERT_EQ(journal->entries().size(), 1U);
    EXPECT_EQ(journal->entries()[0].outcome, Outcome::kOpen);
  }
  flip(kSlotBytes + 3);  // in its intent
  const auto journal = open();
  EXPECT_TRUE(journal->entries().empty());
  EXPECT_EQ(journal->free_slots(), 4U);  // not lost
}

TEST_F(MappedJournalTest, ItGrowsAndNeverShrinks) {
  ASSERT_TRUE(open(2)->intent(1, {}, 0, {}, kNow).has_value());
  EXPECT_EQ(open(8)->free_slots(), 7U);
  const auto journal = open(1);
  EXPECT_EQ(journal->free_slots(), 7U);
  EXPECT_EQ(journal->entries().size(), 1U);
}

TEST_F(MappedJournalTest, AForeignFileIsNotTouched) {
  std::ofstream(folder.path("journal")) << std::string(4096, 'x');
  const auto opened = MappedJournal::open(folder.path("journal"), 4);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, ErrorKind::kInternal);
  std::ifstream file(folder.path("journal"));
  EXPECT_EQ(file.get(), 'x');
  EXPECT_EQ(MappedJournal::open(folder.path("none/journal"), 4).error().kind,
            ErrorKind::kUnavailable);
}

// The power failed after the file had its size and before the header was on the disk.
TEST_F(MappedJournalTest, AHeaderThatNeverCameToTheDiskIsWrittenAgain) {
  ASSERT_TRUE(open()->intent(1, {}, 5, {}, kNow).has_value());
  {
    std::fstream file(folder.path("journal"), std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(kSlotBytes, '\0');
  }
  ASSERT_EQ(open()->entries().size(), 1U);
  const auto journal = open();
  EXPECT_EQ(journal->entries().size(), 1U);
  EXPECT_EQ(journal->entries()[0].item, 5U);
}

TEST_F(MappedJournalTest, AnOldOutcomeNeverFitsTheSameSequenceAgain) {
  std::string outcome(64, '\0');
  {
    auto journal = open(1);
    journal->outcome(journal->intent(1, AttemptId{1, 2}, 0, {}, kNow).value(), Outcome::kNotBilled,
                     kNow, {});
    std::ifstream file(folder.path("journal"), std::ios::binary);
    file.seekg(kSlotBytes + 56).read(outcome.data(), 64);
    journal->release(0);
    ASSERT_TRUE(journal->intent(1, AttemptId{3, 4}, 0, {}, kNow).has_value());
  }
  {
    std::fstream file(folder.path("journal"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kSlotBytes + 56).write(outcome.data(), 64);
  }
  EXPECT_EQ(open(1)->entries()[0].outcome, Outcome::kOpen);
}

TEST_F(MappedJournalTest, OnlyItsOwnerMayReadIt) {
  open();
  EXPECT_EQ(rights(folder.path("journal")), 0600U);
}

}  // namespace
}  // namespace weir::runtime
