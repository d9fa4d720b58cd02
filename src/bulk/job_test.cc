// The parts of `weir job` that need no process: names, kept command lines, progress, tables.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>

#include "bulk/job_find.h"
#include "bulk/job_text.h"
#include "bulk/kept_command.h"
#include "bulk/progress.h"
#include "runtime/sqlite_store.h"

namespace weir::bulk {
namespace {

using ::testing::HasSubstr;

class Stores : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(dir_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void make(const std::string& name, std::uint64_t id) {
    const auto folder = dir_ + "/" + name + ".weir";
    std::filesystem::create_directory(folder);
    engine::JobState job;
    job.id = {id, 1};
    auto store = runtime::SqliteStore::open(folder + "/store.sqlite").value();
    engine::Commit commit{.fence = 1};
    commit.aggregates.push_back({engine::AggregateKind::kJob, 0, "default", 0, job.encode()});
    ASSERT_TRUE(store->commit(commit).has_value());
  }
  std::string dir_ = (std::filesystem::temp_directory_path() / "weir-job-XXXXXX").string();
};

TEST_F(Stores, AJobIsFoundByOutputFolderAndId) {
  make("a.jsonl", 1ULL << 62);
  make("b.jsonl", 3ULL << 60);
  const auto a = dir_ + "/a.jsonl.weir";
  for (const auto& name : {dir_ + "/a.jsonl", a, a + "/"})
    EXPECT_EQ(find_job({name, "."}), a) << name;
  const auto id = JobId{1ULL << 62, 1}.text();
  EXPECT_EQ(find_job({id, dir_}), a);
  EXPECT_EQ(find_job({id.substr(0, 3), dir_}), a);
  std::string lower = id;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  EXPECT_EQ(find_job({lower, dir_}), a);
  const auto twice = find_job({std::string(1, id[0]), dir_});
  if (JobId{3ULL << 60, 1}.text()[0] == id[0])
    EXPECT_THAT(twice.error().message, HasSubstr("2 jobs"));
  const auto none = find_job({dir_ + "/a.json", dir_});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(none.error().hint, HasSubstr("a.jsonl"));
  EXPECT_EQ(stores_in(dir_).value().size(), 2U);
  EXPECT_EQ(stores_in(dir_ + "/none").error().kind, ErrorKind::kNotFound);
}

TEST_F(Stores, AReaderLeavesNothingBehind) {
  make("a.jsonl", 1);
  const auto folder = dir_ + "/a.jsonl.weir";
  ASSERT_TRUE(view_job(folder).has_value());
  EXPECT_FALSE(std::filesystem::exists(folder + "/store.sqlite-wal"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/store.sqlite-shm"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/results.slots"));
  EXPECT_EQ(view_job(folder)->status(), JobStatus::kStopped);
  EXPECT_EQ(view_job(dir_).error().kind, ErrorKind::kNotFound);
}

TEST_F(Stores, TheCommandLineComesBack) {
  const KeptCommand command{dir_, {{"input", {"-x y\n"}}, {"--strict", {}}, {"--id-field", {""}}}};
  ASSERT_TRUE(keep_command(command).has_value());
  EXPECT_EQ(kept_command(dir_).value().options, command.options);
  EXPECT_EQ(kept_command(dir_ + "/none").error().kind, ErrorKind::kNotFound);
  for (const auto* text : {"", "[]", "{}", R"({"v":2,"options":[]})", R"({"v":1,"options":{}})"})
    EXPECT_EQ(KeptCommand::from_json(text).error().kind, ErrorKind::kInvalidArgument) << text;
}

TEST(JobProgress, ComesBackAsItWas) {
  const engine::Progress progress{.items = 9,
                                  .succeeded = 4,
                                  .failed = 1,
                                  .in_flight = 2,
                                  .batches_held = 1,
                                  .spent = {123'456'789},
                                  .doing = "batch 1 \"in\" progress"};
  const auto back = read_progress(progress_event(progress));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(progress_event(*back), progress_event(progress));
  EXPECT_EQ(read_progress("{}").error().kind, ErrorKind::kBadResponse);
}

TEST(JobText, ColumnsAreAsWideAsTheyMustBe) {
  EXPECT_EQ(table({{"A", "BB"}, {"long", "c"}, {"x", ""}}), "A     BB\nlong  c\nx\n");
}

}  // namespace
}  // namespace weir::bulk
