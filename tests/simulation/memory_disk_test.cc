// A rename on the disk in memory: what a power loss may do to it, and what it may not.
#include "memory_disk.h"

#include <gtest/gtest.h>

#include <tuple>

namespace weir::simulation {
namespace {

constexpr const char* kOld = "/job/out";
constexpr const char* kNew = "/job/folder/new";

struct Disk {
  explicit Disk(std::uint64_t seed) : random(seed), crash(random), disk(crash), files(disk) {
    write(kOld, "old");
    write(kNew, "new");
  }
  void write(const char* path, std::string_view text, bool synced = true) {
    auto file = files.open(path).value();
    EXPECT_TRUE(file->truncate(0).has_value());
    EXPECT_TRUE(file->write(0, text).has_value());
    if (synced) EXPECT_TRUE(file->sync().has_value());
  }
  [[nodiscard]] std::string text(const char* path) const {
    const auto node = disk.find(path);
    return node ? std::string(node->bytes()) : "none";
  }
  SeededRandom random;
  CrashPoint crash;
  MemoryDisk disk;
  MemoryFiles files;
};

TEST(MemoryDisk, ARenameIsSeenAtOnceAndThenDurable) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Disk d(seed);
    ASSERT_TRUE(d.files.rename(kNew, kOld).has_value());
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(d.text(kOld), "new");
      EXPECT_EQ(d.text(kNew), "none");
      d.disk.lose_power();
    }
  }
}

TEST(MemoryDisk, AnUnsyncedRenameIsDoneOrUndoneAsAWhole) {
  std::uint64_t done = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Disk d(seed);
    ASSERT_EQ(d.disk.rename(kNew, kOld), Io::kDone);
    d.disk.lose_power();
    const bool renamed = d.text(kOld) == "new";
    EXPECT_EQ(d.text(kOld), renamed ? "new" : "old");
    EXPECT_EQ(d.text(kNew), renamed ? "none" : "new");
    done += renamed;
  }
  EXPECT_GT(done, 50U);
  EXPECT_LT(done, 150U);
}

TEST(MemoryDisk, ASyncOfEitherFolderMakesItDurable) {
  for (const auto* folder_of : {kOld, kNew}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      Disk d(seed);
      ASSERT_EQ(d.disk.rename(kNew, kOld), Io::kDone);
      ASSERT_EQ(d.disk.sync_folder_of(folder_of), Io::kDone);
      d.disk.lose_power();
      EXPECT_EQ(d.text(kOld), "new");
      EXPECT_EQ(d.text(kNew), "none");
    }
  }
}

TEST(MemoryDisk, ARenameSyncsNoBytes) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Disk d(seed);
    d.write(kNew, "more", false);
    ASSERT_TRUE(d.files.rename(kNew, kOld).has_value());
    d.disk.lose_power();
    seen.insert(d.text(kOld));
  }
  EXPECT_TRUE(seen.contains("more"));
  EXPECT_TRUE(seen.contains("new"));  // as it was synced last
  EXPECT_FALSE(seen.contains("old"));
}

TEST(MemoryDisk, RenamesAreUndoneFromTheLastOne) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Disk d(seed);
    ASSERT_EQ(d.disk.rename(kOld, "/job/older"), Io::kDone);
    ASSERT_EQ(d.disk.rename(kNew, kOld), Io::kDone);
    d.disk.lose_power();
    seen.insert(d.text("/job/older") + " " + d.text(kOld) + " " + d.text(kNew));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"none old new", "old none new", "old new none"}));
}

TEST(MemoryDisk, WhatIsNotThereIsNotRenamed) {
  Disk d(1);
  EXPECT_EQ(d.files.rename("/job/nothing", kOld).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(d.text(kOld), "old");
}

}  // namespace
}  // namespace weir::simulation
