#include "bulk/accept.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "bulk/input_test_folder.h"

namespace weir::bulk {
namespace {

class AcceptTest : public testing::Test {
 protected:
  AcceptOptions options(const std::string& path) const {
    return {.input = {.path = path},
            .dir = store(),
            .sync = false,
            .visit = {},
            .retract = {},
            .progress = {}};
  }
  [[nodiscard]] std::string store() const {
    std::filesystem::create_directories(folder_.path("store"));
    return folder_.path("store");
  }
  InputManifest accepted(const AcceptOptions& o) const {
    auto manifest = accept(o);
    if (!manifest) ADD_FAILURE() << manifest.error().text();
    return manifest.value_or(InputManifest());
  }
  std::string error_of(const AcceptOptions& o) const {
    const auto manifest = accept(o);
    EXPECT_FALSE(std::filesystem::exists(folder_.path("store/input.json")))
        << "nothing may be accepted";
    return manifest ? "no error" : manifest.error().message;
  }
  std::unique_ptr<AcceptedInput> open() const {
    auto input = AcceptedInput::open(store());
    if (!input) ADD_FAILURE() << input.error().text();
    return input ? *std::move(input) : nullptr;
  }
  std::vector<std::string> rejected() const {
    std::vector<std::string> out;
    const auto reader = RejectedReader::open(folder_.path("store/rejected.jsonl"));
    EXPECT_TRUE(reader);
    while (true) {
      const auto next = (*reader)->next();
      EXPECT_TRUE(next) << next.error().text();
      if (!next || !*next) return out;
      out.push_back(std::to_string((*next)->item) + " " + (*next)->id.value_or("null") + " " +
                    (*next)->error.message);
    }
  }
  std::string write(std::string_view text) const { return folder_.write("in.jsonl", text); }
  TestFolder folder_;
};

TEST_F(AcceptTest, LeavesIndexRejectsAndManifest) {
  const auto path = write("{\"id\":\"a\",\"t\":\"1\"}\noops\n\n{\"id\":\"b\",\"t\":\"2\"}\n");
  const auto manifest = accepted(options(path));
  EXPECT_EQ(manifest.count, 3U);
  EXPECT_EQ(manifest.rejected, 1U);
  EXPECT_EQ(manifest.format, Format::kJsonl);
  EXPECT_EQ(manifest.chunk_hashes.size(), 1U);
  EXPECT_EQ(std::filesystem::file_size(folder_.path("store/items.index")), 3 * kItemRowBytes);
  const auto input = open();
  EXPECT_EQ(input->count(), 3U);
  Record record;
  ASSERT_TRUE(input->read(2, record));
  EXPECT_EQ(record.id, "b");
  EXPECT_EQ(record.field("t"), "2");
  EXPECT_EQ(record.ref.line, 4U);
  EXPECT_EQ(input->read(1, record).error().message, "item 1 (line 2) was rejected");
  EXPECT_EQ(input->read(3, record).error().kind, ErrorKind::kInvalidArgument);
  const auto rejection = input->rejection(1);
  ASSERT_TRUE(rejection);
  EXPECT_EQ(rejection->line, 2U);
  EXPECT_EQ(rejection->id, std::nullopt);
  EXPECT_TRUE(
      rejection->error_json.starts_with(R"({"kind":"invalid_argument","message":"line 2: )"));
  EXPECT_FALSE(input->rejection(0));
  EXPECT_EQ(*input->verify_unchanged(), 0U);
  // Nothing else stays behind.
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(store())) ++files;
  EXPECT_EQ(files, 3U);
}

TEST_F(AcceptTest, DuplicateIdsAndMissingIdsAreRejectedInOrder) {
  const auto path = write(
      "{\"x\":1}\n{\"id\":\"a\"}\n{\"id\":\"b\"}\nbad\n{\"id\":\"a\"}\n{\"x\":2}\n{\"id\":\"b\"}\n{"
      "\"id\":\"a\"}\n{\"id\":\"c\"}\n");
  auto o = options(path);
  std::vector<std::string> visited, retracted;
  o.visit = [&](const Record& record) -> Result<void> {
    visited.push_back(record.id);
    return {};
  };
  o.retract = [&](const Record& record) {
    retracted.push_back(record.id + "@" + std::to_string(record.ref.line));
  };
  const auto manifest = accepted(o);
  EXPECT_EQ(manifest.count, 9U);
  EXPECT_EQ(manifest.rejected, 6U);
  const auto lines = rejected();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0], "0 null line 1: it has no 'id', which other records have");
  EXPECT_TRUE(lines[1].starts_with("3 null line 4: not valid JSON"));
  EXPECT_EQ(lines[2], "4 a line 5: id 'a' stands on line 2 already");
  EXPECT_EQ(lines[3], "5 null line 6: it has no 'id', which other records have");
  EXPECT_EQ(lines[4], "6 b line 7: id 'b' stands on line 3 already");
  EXPECT_EQ(lines[5], "7 a line 8: id 'a' stands on line 2 already");
  EXPECT_EQ(retracted, (std::vector<std::string>{"line-1@1", "a@5", "b@7", "a@8"}));
  EXPECT_EQ(visited.size() - retracted.size(), manifest.count - manifest.rejected);
  const auto input = open();
  for (std::uint64_t item = 0; item < 9; ++item)
    EXPECT_EQ(input->index().row(item)->rejected(), input->rejection(item).has_value()) << item;
}

TEST_F(AcceptTest, VisitMayReject) {
  const auto path = write("{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"a\"}\n");
  auto o = options(path);
  o.visit = [](const Record& record) -> Result<void> {
    if (record.ref.line == 1) return fail(ErrorKind::kInvalidArgument, "no title", "add one");
    return {};
  };
  EXPECT_EQ(accepted(o).rejected, 2U);
  const auto lines = rejected();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "0 a no title");
  EXPECT_EQ(lines[1], "2 a line 3: id 'a' stands on line 1 already");
  EXPECT_EQ(open()->rejection(0)->error.hint, "add one");
}

TEST_F(AcceptTest, WithoutIdsTheLineNames) {
  const auto manifest = accepted(options(write("{\"x\":1}\n\n{\"x\":1}\n")));
  EXPECT_EQ(manifest.rejected, 0U);
  Record record;
  ASSERT_TRUE(open()->read(1, record));
  EXPECT_EQ(record.id, "line-3");
}

TEST_F(AcceptTest, RepeatsAreFoundAmongThoseThatAreNotRejected) {
  auto o =
      options(write("{\"id\":\"a\",\"t\":\"x\"}\n"
                    "{\"id\":\"a\",\"t\":\"y\"}\n"  // rejected for its id
                    "{\"id\":\"b\",\"t\":\"y\"}\n"
                    "{\"id\":\"c\",\"t\":\"x\"}\n"
                    "{\"id\":\"d\",\"t\":\"y\"}\n"
                    "{\"id\":\"e\",\"t\":\"x\"}\n"
                    "{\"id\":\"f\",\"t\":\"z\"}\n"));
  o.content = [](const Record& record) -> Result<std::string> { return *record.field("t"); };
  EXPECT_EQ(accepted(o).same, 3U);
  const auto input = open();
  std::vector<std::optional<std::uint64_t>> same;
  for (std::uint64_t item = 0; item < input->count(); ++item)
    same.push_back(input->same_as(item).value());
  const std::optional<std::uint64_t> none;
  EXPECT_EQ(same, (decltype(same){none, none, none, 0, 2, 0, none}));
  o.content = {};
  EXPECT_EQ(accepted(o).same, 0U);
  EXPECT_EQ(open()->same_as(3).value(), none);
}

TEST_F(AcceptTest, LimitTakesTheFirst) {
  auto o = options(write("{\"id\":1}\n{\"id\":2}\n{\"id\":1}\n"));
  o.limit = 2;
  const auto manifest = accepted(o);
  EXPECT_EQ(manifest.count, 2U);
  EXPECT_EQ(manifest.rejected, 0U);
  EXPECT_EQ(manifest.limit, 2U);
}

TEST_F(AcceptTest, FileErrorsAcceptNothing) {
  EXPECT_TRUE(error_of(options(folder_.path("none.jsonl"))).ends_with("does not exist"));
  EXPECT_TRUE(error_of(options(write("\n\n"))).ends_with("has no records"));
  EXPECT_TRUE(
      error_of(options(folder_.write("a.csv", "a,b\n"))).ends_with("has a header but no rows"));
  auto o = options(write("{\"id\":1}\n"));
  o.progress = [](std::uint64_t, std::uint64_t, std::uint64_t) { return false; };
  EXPECT_EQ(accept(o).error().kind, ErrorKind::kCancelled);
  o = options(write("{\"id\":1}\n"));
  o.dir = folder_.path("missing");
  EXPECT_EQ(accept(o).error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(AcceptedInput::open(store()).error().kind, ErrorKind::kNotFound);
}

TEST_F(AcceptTest, AChangeDuringAcceptIsAnError) {
  const auto path = write("{\"id\":1}\n{\"id\":2}\n");
  auto o = options(path);
  o.visit = [&](const Record&) -> Result<void> {
    std::ofstream(path, std::ios::app) << "\n";
    return {};
  };
  EXPECT_TRUE(error_of(o).ends_with("was changed while it was read"));
}

TEST_F(AcceptTest, OnlyItemsOfChangedChunksFail) {
  std::string text;
  std::uint64_t lines = 0;
  while (text.size() < 3 * kChunkBytes)
    text += "{\"id\":" + std::to_string(lines++) + ",\"t\":\"" + std::string(1000, 'x') + "\"}\n";
  const auto path = write(text);
  accepted(options(path));
  auto input = open();
  // Replaced by the same bytes: another inode and time, all hashes equal.
  std::filesystem::remove(path);
  write(text);
  input = open();
  EXPECT_EQ(*input->verify_unchanged(), 0U);
  // One byte in the second chunk, while the input is open.
  text[kChunkBytes + 500] = 'y';
  write(text);
  Record record;
  ASSERT_TRUE(input->read(0, record));
  EXPECT_FALSE(record.error);
  const auto changed = *input->verify_unchanged();
  EXPECT_GT(changed, 900U);
  EXPECT_LT(changed, 1100U);
  const std::uint64_t victim = lines / 2;
  ASSERT_TRUE(input->read(victim, record));
  ASSERT_TRUE(record.error);
  EXPECT_EQ(record.error->message,
            "input changed since accept, line " + std::to_string(victim + 1));
  ASSERT_TRUE(input->read(lines - 1, record));
  EXPECT_FALSE(record.error);
  // Appending changes no item.
  text[kChunkBytes + 500] = 'x';
  write(text + "{\"id\":\"new\"}\n");
  EXPECT_EQ(*input->verify_unchanged(), 0U);
}

TEST_F(AcceptTest, ACutFileFailsItsItems) {
  const auto path = write("{\"id\":1}\n{\"id\":2}\n");
  accepted(options(path));
  const auto input = open();
  write("{\"id\":1}\n");
  Record record;
  ASSERT_TRUE(input->read(0, record));  // its chunk is not what it was
  EXPECT_TRUE(record.error);
  EXPECT_EQ(*input->verify_unchanged(), 2U);
}

TEST_F(AcceptTest, AChangedCsvHeaderIsAnError) {
  const auto path = folder_.write("a.csv", "id,t\n1,x\n");
  accepted(options(path));
  EXPECT_EQ(open()->manifest().columns, (std::vector<std::string>{"id", "t"}));
  folder_.write("a.csv", "id,u\n1,x\n");
  EXPECT_TRUE(AcceptedInput::open(store()).error().message.contains("header"));
}

TEST_F(AcceptTest, FoldersAreReadFromTheirFiles) {
  folder_.write("docs/a.txt", "A");
  folder_.write("docs/b/c.txt", "C");
  const auto manifest = accepted(options(folder_.path("docs")));
  EXPECT_EQ(manifest.format, Format::kFolder);
  const auto input = open();
  Record record;
  ASSERT_TRUE(input->read(1, record));
  EXPECT_EQ(record.id, "b/c.txt");
  EXPECT_EQ(record.field("text"), "C");
  EXPECT_EQ(*input->verify_unchanged(), 0U);
  EXPECT_TRUE(
      folder_.read("store/folder.jsonl").starts_with(R"({"path":"a.txt","size":1,"mtime_ns":)"));
}

TEST_F(AcceptTest, PipesAreSpooled) {
  const auto pipe = folder_.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"; });
  const auto manifest = accepted(options(pipe));
  writer.join();
  EXPECT_TRUE(manifest.spooled);
  EXPECT_EQ(manifest.count, 2U);
  EXPECT_EQ(folder_.read("store/input.spool"), "{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
  Record record;
  ASSERT_TRUE(open()->read(1, record));
  EXPECT_EQ(record.id, "b");
}

TEST_F(AcceptTest, StandardInputIsSpooled) {
  const auto path = write("{\"id\":\"a\"}\n");
  const int saved = ::dup(STDIN_FILENO);
  const int file = ::open(path.c_str(), O_RDONLY);
  ASSERT_EQ(::dup2(file, STDIN_FILENO), STDIN_FILENO);
  auto o = options("-");
  o.sync = true;
  const auto manifest = accepted(o);
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  ::close(file);
  EXPECT_EQ(manifest.path, "-");
  EXPECT_TRUE(manifest.spooled);
  Record record;
  ASSERT_TRUE(open()->read(0, record));
  EXPECT_EQ(record.id, "a");
}

TEST_F(AcceptTest, RejectionsAreFoundByBisection) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += i % 3 == 0 ? "bad " + std::string(static_cast<std::size_t>(i % 50), 'x') + "\n"
                       : "{\"id\":" + std::to_string(i) + "}\n";
  accepted(options(write(text)));
  const auto input = open();
  for (std::uint64_t item = 0; item < 3000; ++item) {
    const auto found = input->rejection(item);
    ASSERT_EQ(found.has_value(), item % 3 == 0) << item;
    if (found) EXPECT_EQ(found->item, item);
  }
}

TEST(InputManifest, ReadsBack) {
  InputManifest manifest{.path = "/a/b",
                         .spooled = true,
                         .format = Format::kCsv,
                         .id_field = "key",
                         .columns = {"key", "t"},
                         .identity = {.inode = ~0ULL, .size = 5, .mtime_ns = 7},
                         .count = 3,
                         .rejected = 1,
                         .limit = 9,
                         .chunk_hashes = {~0ULL, 1}};
  const auto back = InputManifest::from_json(manifest.to_json());
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->to_json(), manifest.to_json());
  EXPECT_EQ(back->identity, manifest.identity);
  EXPECT_EQ(back->chunk_hashes, manifest.chunk_hashes);
  EXPECT_FALSE(InputManifest::from_json("{}"));
  EXPECT_FALSE(InputManifest::from_json("x"));
  auto text = manifest.to_json();
  text.replace(text.find("\"schema\":1"), 10, "\"schema\":9");
  EXPECT_TRUE(InputManifest::from_json(text).error().message.contains("newer"));
}

}  // namespace
}  // namespace weir::bulk
