#include "bulk/hits_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace weir::bulk {
namespace {

using ::testing::HasSubstr;

class HitsFile : public ::testing::Test {
 protected:
  HitsFile() {
    std::string pattern = ::testing::TempDir() + "weir-hits-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/hits";
  }
  ~HitsFile() override { std::filesystem::remove_all(folder_); }
  plan::PrefixStats one(std::uint64_t hits, std::uint64_t requests) {
    plan::PrefixStats stats;
    stats.observe(key_, hits, requests, now_);
    return stats;
  }

  std::string folder_, path_;
  plan::PrefixStats::Key key_{.account = "a", .model = "m"};
  Time now_ = from_unix_seconds(1'795'000'000);
};

TEST_F(HitsFile, WhereThereIsNoneNothingWasSeen) { EXPECT_EQ(read_hits(path_).value().size(), 0U); }

TEST_F(HitsFile, WhatManyProcessesSawIsAllThere) {
  std::vector<std::jthread> writers;
  for (int i = 0; i < 8; ++i)
    writers.emplace_back([&] {
      for (int k = 0; k < 10; ++k) ASSERT_TRUE(add_hits(path_, one(1, 2)));
    });
  writers.clear();
  const auto seen = read_hits(path_).value().seen(key_, now_);
  EXPECT_DOUBLE_EQ(seen.hits, 80);
  EXPECT_DOUBLE_EQ(seen.requests, 160);
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(HitsFile, AnotherFileIsNeitherUsedNorOverwritten) {
  for (const std::string text : {"my answers\n", "", "weir cache statistics 99\n"}) {
    std::ofstream(path_) << text;
    const auto read = read_hits(path_);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message, HasSubstr(path_));
    EXPECT_FALSE(add_hits(path_, one(1, 2)));
    std::ifstream in(path_);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text);
  }
}

TEST_F(HitsFile, WhereNothingCanBeWrittenIsAnError) {
  const auto added = add_hits(folder_ + "/none/hits", one(1, 2));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace weir::bulk
