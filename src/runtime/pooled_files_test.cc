#include "runtime/pooled_files.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "runtime/posix_files.h"
#include "runtime/store_test_folder.h"

namespace weir::runtime {
namespace {

std::string text_of(engine::File& file) {
  std::array<char, 64> bytes{};
  const auto read = file.read(0, bytes);
  return read ? std::string(bytes.data(), *read) : read.error().text();
}

class PooledFilesTest : public ::testing::Test {
 protected:
  std::unique_ptr<engine::File> made(const std::string& name, std::string_view text) {
    auto file = files_.open(folder_.path(name)).value();
    EXPECT_TRUE(file->write(0, text));
    EXPECT_TRUE(file->sync());
    return file;
  }
  StoreTestFolder folder_;
  PooledFiles files_{2};
};

TEST_F(PooledFilesTest, KeepsTheLastUsedOpenAndLosesNothing) {
  std::vector<std::unique_ptr<engine::File>> all;
  for (const auto* name : {"a", "b", "c", "d"}) all.push_back(made(name, name));
  EXPECT_EQ(files_.open_files(), 2U);
  for (int round = 0; round < 3; ++round)
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(text_of(*all[i]), std::string(1, static_cast<char>('a' + i)));
      EXPECT_EQ(files_.open_files(), 2U);
    }
  EXPECT_EQ(all[0]->size().value(), 1U);
  all.erase(all.begin(), all.begin() + 2);
  EXPECT_EQ(files_.open_files(), 1U);
}

TEST_F(PooledFilesTest, WhatIsNotSyncedStaysOpen) {
  const auto a = made("a", "a"), b = made("b", "b"), c = made("c", "c"), d = made("d", "d");
  for (const auto* file : {&a, &b, &c}) ASSERT_TRUE((*file)->write(1, "+"));
  EXPECT_EQ(text_of(*d), "d");
  EXPECT_EQ(files_.open_files(), 4U);
  for (const auto* file : {&a, &b, &c}) ASSERT_TRUE((*file)->sync());
  const auto e = made("e", "e");
  EXPECT_EQ(files_.open_files(), 2U);
  EXPECT_EQ(text_of(*a), "a+");
}

TEST_F(PooledFilesTest, AClosedFileFollowsItsName) {
  const auto a = made("a", "a-"), b = made("b", "b"), c = made("c", "c");
  ASSERT_TRUE(a->truncate(1));
  EXPECT_EQ(text_of(*b) + text_of(*c), "bc");
  ASSERT_TRUE(files_.rename(folder_.path("a"), folder_.path("new")));
  EXPECT_EQ(text_of(*b), "b");
  EXPECT_EQ(text_of(*c), "c");
  EXPECT_EQ(text_of(*a), "a");
}

TEST_F(PooledFilesTest, AFileWithoutItsNameStaysWhatItWas) {
  const auto a = made("a", "a"), b = made("b", "b"), c = made("c", "c"), d = made("d", "d");
  ASSERT_TRUE(files_.remove(folder_.path("a")));  // closed then
  ASSERT_TRUE(files_.rename(folder_.path("b"), folder_.path("c")));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(text_of(*d), "d");
    EXPECT_EQ(text_of(*b), "b");
    EXPECT_EQ(text_of(*a), "a");
    EXPECT_EQ(text_of(*c), "c");
  }
  const auto fresh = made("a", "another");
  EXPECT_EQ(text_of(*a), "a");
  EXPECT_EQ(text_of(*fresh), "another");
}

TEST_F(PooledFilesTest, AFileThatSomebodyTookAwayIsAnError) {
  const auto a = made("a", "a"), b = made("b", "b"), c = made("c", "c");
  PosixFiles others;
  ASSERT_TRUE(others.remove(folder_.path("a")));
  std::array<char, 1> byte{};
  const auto read = a->read(0, byte);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace weir::runtime
