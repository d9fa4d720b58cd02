#include "runtime/sqlite_store.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <fstream>

#include "runtime/store_test_folder.h"

namespace weir::runtime {
namespace {

using engine::AggregateKind;
using engine::Commit;
using engine::ItemRow;
using ::testing::HasSubstr;

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteStore> open() {
    auto opened = SqliteStore::open(path());
    EXPECT_TRUE(opened.has_value()) << opened.error().text();
    return opened ? std::move(*opened) : nullptr;
  }
  [[nodiscard]] std::string path() const { return folder_.path("store.sqlite"); }
  static Commit job(std::uint64_t version_before, std::string state, std::uint64_t fence = 1) {
    Commit commit{.fence = fence};
    commit.aggregates.push_back(
        {AggregateKind::kJob, 0, "default", version_before, std::move(state)});
    return commit;
  }
  static std::vector<cost::LedgerEntry> ledger(SqliteStore& store) {
    std::vector<cost::LedgerEntry> out;
    EXPECT_TRUE(store
                    .visit_ledger([&](const auto& entry) {
                      out.push_back(entry);
                      return true;
                    })
                    .has_value());
    return out;
  }
  StoreTestFolder folder_;
};

cost::LedgerEntry sync_entry() {
  return {.sequence = 4,
          .kind = cost::LedgerEntry::Kind::kContentStore,
          .attempt = {5, 6},
          .item = 7,
          .outcome = cost::LedgerEntry::Outcome::kUnknown,
          .answered = true,
          .priced_at = from_unix_micros(1'795'000'000'000'001),
          .usage = {{1}, {2}, {3}, {4}, {5}, {6}},
          .cost = {std::numeric_limits<std::int64_t>::max()},
          .baseline = {8},
          .uncached = {9}};
}

TEST_F(SqliteStoreTest, AnExclusiveStoreNeedsNoSharedMemory) {
  auto store = SqliteStore::open(path(), {.exclusive = true}).value();
  ASSERT_TRUE(store->commit(job(0, "{}")).has_value());
  EXPECT_TRUE(std::filesystem::exists(path() + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path() + "-shm"));
  store.reset();
  EXPECT_EQ(open()->load().value().size(), 1U);
}

TEST_F(SqliteStoreTest, AnUnknownVfsIsAnError) {
  const auto opened = SqliteStore::open(path(), {.vfs = "nowhere"});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SqliteStoreTest, WhatIsCommittedIsThereAgain) {
  {
    auto store = open();
    auto commit = job(0, "one");
    commit.aggregates.push_back({AggregateKind::kBatch, 3, "default", 0, "batch three"});
    commit.ledger = {sync_entry(), {.batch = 3, .sequence = 1, .item = 9, .cost = {10}}};
    commit.items = {{.item = 5,
                     .state = ItemRow::State::kReplan,
                     .attempts = 1,
                     .replans = 2,
                     .reasons = "[\"x\"]"},
                    {.item = 6}};
    ASSERT_TRUE(store->commit(commit).has_value());
    auto next = job(1, "two");
    next.items_ended = {6, 99};
    ASSERT_TRUE(store->commit(next).has_value());
  }
  auto store = open();
  const auto loaded = store->load().value();
  ASSERT_EQ(loaded.size(), 2U);
  EXPECT_EQ(loaded[0].state, "two");
  EXPECT_EQ(loaded[0].version, 2U);
  EXPECT_EQ(loaded[1].number, 3U);
  EXPECT_EQ(loaded[1].state, "batch three");
  const auto items = store->load_items().value();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].state, ItemRow::State::kReplan);
  EXPECT_EQ(items[0].replans, 2U);
  EXPECT_EQ(items[0].reasons, "[\"x\"]");
  const auto entries = ledger(*store);
  ASSERT_EQ(entries.size(), 2U);
  const auto expected = sync_entry();
  EXPECT_EQ(entries[0].attempt, expected.attempt);
  EXPECT_EQ(entries[0].outcome, expected.outcome);
  EXPECT_EQ(entries[0].usage, expected.usage);
  EXPECT_EQ(entries[0].cost, expected.cost);
  EXPECT_EQ(entries[0].priced_at, expected.priced_at);
  EXPECT_TRUE(entries[0].answered);
  EXPECT_EQ(entries[0].kind, cost::LedgerEntry::Kind::kContentStore);
  EXPECT_EQ(entries[1].batch, 3U);  // in order of (batch, sequence)
}

TEST_F(SqliteStoreTest, AnEntryThatStandsIsLeftAsItIs) {
  auto store = open();
  auto commit = job(0, "");
  commit.ledger = {{.sequence = 1, .cost = {5}}};
  ASSERT_TRUE(store->commit(commit).has_value());
  auto again = job(1, "");
  again.ledger = {{.sequence = 1, .cost = {6}}};
  ASSERT_TRUE(store->commit(again).has_value());
  ASSERT_EQ(ledger(*store).size(), 1U);
  EXPECT_EQ(ledger(*store)[0].cost.pico, 5);
}

TEST_F(SqliteStoreTest, AVersionThatIsNotTheStoredOneIsRefusedWhole) {
  auto store = open();
  ASSERT_TRUE(store->commit(job(0, "one")).has_value());
  for (const std::uint64_t version : {0U, 2U, 7U}) {
    auto commit = job(version, "other");
    commit.ledger = {sync_entry()};
    commit.items = {{.item = 1}};
    const auto done = store->commit(commit);
    ASSERT_FALSE(done.has_value()) << version;
    EXPECT_EQ(done.error().kind, ErrorKind::kCancelled);
  }
  EXPECT_EQ(store->load()->front().state, "one");
  EXPECT_TRUE(ledger(*store).empty());
  EXPECT_TRUE(store->load_items()->empty());
  EXPECT_TRUE(store->commit(job(1, "two")).has_value());  // and goes on
}

TEST_F(SqliteStoreTest, TheLastStepIsToldAndIsPartOfItsCommit) {
  auto store = open();
  EXPECT_FALSE(store->last_step()->has_value());
  auto begin = job(0, "one");
  begin.name = "begin";
  ASSERT_TRUE(store->commit(begin).has_value());
  auto step = job(1, "two");
  step.name = "step";
  ASSERT_TRUE(store->commit(step).has_value());
  auto refused = job(1, "three");
  refused.name = "end";
  ASSERT_FALSE(store->commit(refused).has_value());
  store.reset();
  for (const bool read_only : {true, false}) {
    auto opened = read_only ? SqliteStore::open_read_only(path()) : SqliteStore::open(path());
    const auto last = (*opened)->last_step().value();
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(last->name, "step");
    EXPECT_EQ(last->number, 2U);
  }
}

TEST_F(SqliteStoreTest, AStoreOfSchemaOneIsReadAndGoesOn) {
  ASSERT_TRUE(open()->commit(job(0, "one")).has_value());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db,
                         "DROP TABLE step; ALTER TABLE item DROP COLUMN marks; ALTER TABLE ledger "
                         "DROP COLUMN kind; PRAGMA user_version=1",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  {
    auto reader = SqliteStore::open_read_only(path());
    ASSERT_TRUE(reader.has_value());
    EXPECT_FALSE((*reader)->last_step()->has_value());
  }
  auto store = open();
  auto next = job(1, "two");
  next.name = "step";
  ASSERT_TRUE(store->commit(next).has_value());
  EXPECT_EQ(store->last_step().value()->name, "step");
  EXPECT_EQ(store->load()->front().state, "two");
}

TEST_F(SqliteStoreTest, ASecondOwnerFencesTheFirstOut) {
  auto first = open();
  ASSERT_TRUE(first->commit(job(0, "one", 1)).has_value());
  auto second = open();
  ASSERT_TRUE(second->commit(job(1, "two", 2)).has_value());
  const auto stale = first->commit(job(2, "three", 1));  // the right version, the wrong owner
  ASSERT_FALSE(stale.has_value());
  EXPECT_EQ(stale.error().kind, ErrorKind::kCancelled);
  EXPECT_THAT(stale.error().hint, HasSubstr("only one process"));
  EXPECT_EQ(second->load()->front().state, "two");
}

TEST_F(SqliteStoreTest, AReaderBesideAWriterSeesWhatIsCommitted) {
  EXPECT_EQ(SqliteStore::open_read_only(path()).error().kind, ErrorKind::kNotFound);
  auto writer = open();
  ASSERT_TRUE(writer->commit(job(0, "one")).has_value());
  auto reader = SqliteStore::open_read_only(path());
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ((*reader)->load()->front().state, "one");
  ASSERT_TRUE(writer->commit(job(1, "two")).has_value());
  EXPECT_EQ((*reader)->load()->front().state, "two");
}

TEST_F(SqliteStoreTest, VisitStopsWhenToldTo) {
  auto store = open();
  auto commit = job(0, "");
  for (std::uint64_t i = 1; i <= 5; ++i) commit.ledger.push_back({.sequence = i});
  ASSERT_TRUE(store->commit(commit).has_value());
  int seen = 0;
  ASSERT_TRUE(store->visit_ledger([&](const auto&) { return ++seen < 2; }).has_value());
  EXPECT_EQ(seen, 2);
}

TEST_F(SqliteStoreTest, OnlyItsOwnerMayReadIt) {
  auto store = open();
  ASSERT_TRUE(store->commit(job(0, "")).has_value());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    EXPECT_EQ(rights(entry.path().string()), 0600U) << entry.path();
}

TEST_F(SqliteStoreTest, WhatIsNoStoreIsTold) {
  std::ofstream(path()) << std::string(5000, 'x');
  EXPECT_EQ(SqliteStore::open(path()).error().kind, ErrorKind::kInternal);
  EXPECT_EQ(SqliteStore::open(folder_.path("none/store")).error().kind, ErrorKind::kUnavailable);
}

TEST_F(SqliteStoreTest, AStoreOfANewerWeirIsLeftAlone) {
  open();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto opened = SqliteStore::open(path());
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().message, HasSubstr("newer Weir"));
}

}  // namespace
}  // namespace weir::runtime
