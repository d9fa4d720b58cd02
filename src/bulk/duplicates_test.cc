#include "bulk/duplicates.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/hash.h"
#include "bulk/input_test_folder.h"

namespace weir::bulk {
namespace {

using Pairs = std::map<std::uint64_t, std::uint64_t>;  // duplicate -> first

Pairs find(const std::vector<std::string>& ids, DuplicateOptions options) {
  DuplicateFinder finder(std::move(options));
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_TRUE(finder.add(i, ids[i]));
  Pairs out;
  const auto found = finder.find([&](std::uint64_t i) -> Result<std::string> { return ids[i]; },
                                 [&](std::uint64_t first, std::uint64_t duplicate) -> Result<void> {
                                   EXPECT_TRUE(out.emplace(duplicate, first).second);
                                   return {};
                                 });
  EXPECT_TRUE(found) << found.error().text();
  return out;
}

Pairs expected(const std::vector<std::string>& ids) {
  std::map<std::string, std::uint64_t> first;
  Pairs out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto [at, added] = first.emplace(ids[i], i);
    if (!added) out.emplace(i, at->second);
  }
  return out;
}

std::vector<std::string> some_ids(std::size_t count, std::size_t modulus) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back("id-" + std::to_string(i * 7919 % modulus));
  return out;
}

TEST(Duplicates, InMemoryNothingIsWritten) {
  const TestFolder folder;
  const auto ids = some_ids(1000, 900);
  DuplicateFinder finder({.dir = folder.path()});
  EXPECT_EQ(find(ids, {.dir = "/nonexistent"}), expected(ids));
  EXPECT_TRUE(find({"a", "b", "c"}, {.dir = "/nonexistent"}).empty());
  EXPECT_TRUE(find({}, {.dir = "/nonexistent"}).empty());
}

TEST(Duplicates, SpillsAndCleansUp) {
  const TestFolder folder;
  const auto ids = some_ids(50'000, 49'000);
  EXPECT_EQ(find(ids, {.dir = folder.path(), .in_memory_max = 100}), expected(ids));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Duplicates, SplitsLargePartitions) {
  const TestFolder folder;
  const auto ids = some_ids(20'000, 19'000);
  EXPECT_EQ(find(ids, {.dir = folder.path(), .in_memory_max = 10, .partition_bytes_max = 64}),
            expected(ids));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Duplicates, OneIdManyTimesNeedsNoSplit) {
  const TestFolder folder;
  std::vector<std::string> ids(20'000, "same");
  ids[7] = "other";
  EXPECT_EQ(find(ids, {.dir = folder.path(), .in_memory_max = 10, .partition_bytes_max = 64}),
            expected(ids));
}

TEST(Duplicates, CollisionsAreNoDuplicates) {
  const TestFolder folder;
  const auto ids = some_ids(2'000, 1'900);
  const auto worst = [](std::string_view) -> std::uint64_t { return 42; };
  EXPECT_EQ(find(ids, {.dir = folder.path(), .hash = worst}), expected(ids));
  EXPECT_EQ(
      find(ids,
           {.dir = folder.path(), .in_memory_max = 10, .partition_bytes_max = 64, .hash = worst}),
      expected(ids));
  // Equal in the upper bits: no split parts them.
  const auto low_bits = [](std::string_view id) -> std::uint64_t { return hash64(id) & 3; };
  EXPECT_EQ(
      find(
          ids,
          {.dir = folder.path(), .in_memory_max = 10, .partition_bytes_max = 64, .hash = low_bits}),
      expected(ids));
}

TEST(Duplicates, ErrorsComeOut) {
  DuplicateFinder unwritable(
      {.dir = "/nonexistent/folder", .in_memory_max = 1, .partition_bytes_max = 64});
  Result<void> added;
  for (std::uint64_t i = 0; i < 200'000 && added; ++i) added = unwritable.add(i, std::to_string(i));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(added.error().message.contains("/nonexistent/folder/duplicates"));

  DuplicateFinder finder({.dir = "/nonexistent"});
  ASSERT_TRUE(finder.add(0, "a"));
  ASSERT_TRUE(finder.add(1, "a"));
  const auto found = finder.find(
      [](std::uint64_t) -> Result<std::string> { return fail(ErrorKind::kUnavailable, "gone"); },
      [](std::uint64_t, std::uint64_t) -> Result<void> { return {}; });
  EXPECT_EQ(found.error().message, "gone");
}

}  // namespace
}  // namespace weir::bulk
