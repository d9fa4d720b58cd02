#include "runtime/posix_files.h"

#include <gmock/gmock.h>

#include <array>

#include "runtime/secrets.h"
#include "runtime/store_lock.h"
#include "runtime/store_test_folder.h"

namespace weir::runtime {
namespace {

using ::testing::HasSubstr;

TEST(PosixFiles, ReadsAndWritesAnywhere) {
  StoreTestFolder folder;
  PosixFiles files;
  auto file = files.open(folder.path("f")).value();
  EXPECT_EQ(rights(folder.path("f")), 0600U);
  ASSERT_TRUE(file->write(5, "world").has_value());
  ASSERT_TRUE(file->write(0, "hello").has_value());
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_EQ(file->size().value(), 10U);
  std::array<char, 8> bytes{};
  EXPECT_EQ(file->read(4, bytes).value(), 6U);  // fewer only at the end
  EXPECT_EQ(std::string_view(bytes.data(), 6), "oworld");
  EXPECT_EQ(file->read(100, bytes).value(), 0U);
  ASSERT_TRUE(file->truncate(3).has_value());
  EXPECT_EQ(file->size().value(), 3U);
  EXPECT_EQ(read_whole_file(folder.path("f"), 3).value(),
            "hel");  // opened again, it is what it was
  ASSERT_TRUE(files.remove(folder.path("f")).has_value());
  ASSERT_TRUE(files.remove(folder.path("f")).has_value());  // not there: fine
}

TEST(PosixFiles, ErrorsNameThePathAndTheReason) {
  StoreTestFolder folder;
  PosixFiles files;
  const auto missing = files.open(folder.path("none/f"));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("none/f: No such file or directory"));
  EXPECT_EQ(files.open(folder.path()).error().kind, ErrorKind::kUnavailable);  // a folder
  EXPECT_EQ(files.remove(folder.path()).error().kind, ErrorKind::kUnavailable);
  auto full = files.open("/dev/full");
  ASSERT_TRUE(full.has_value());
  const auto written = (*full)->write(0, "x");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::kUnavailable);
  EXPECT_THAT(written.error().hint, HasSubstr("free some space"));
}

TEST(PosixFiles, APrivateFolderIsMadeOnce) {
  StoreTestFolder folder;
  ASSERT_TRUE(make_private_folder(folder.path("d")).has_value());
  EXPECT_EQ(rights(folder.path("d")), 0700U);
  EXPECT_TRUE(make_private_folder(folder.path("d")).has_value());
  ASSERT_TRUE(write_whole_file(folder.path("f"), "x").has_value());
  EXPECT_FALSE(make_private_folder(folder.path("f")).has_value());
  EXPECT_FALSE(make_private_folder(folder.path("none/d")).has_value());
}

TEST(PosixFiles, WholeFilesAreBoundedAndReplacedAtOnce) {
  StoreTestFolder folder;
  const auto path = folder.path("f");
  EXPECT_EQ(read_whole_file(path, 10).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(write_whole_file(path, "first").has_value());
  ASSERT_TRUE(write_whole_file(path, "second").has_value());
  EXPECT_EQ(read_whole_file(path, 6).value(), "second");
  EXPECT_EQ(read_whole_file(path, 5).error().kind, ErrorKind::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_FALSE(write_whole_file(folder.path("none/f"), "x").has_value());
}

TEST(StoreLock, OneOwnerAtATime) {
  StoreTestFolder folder;
  const Time now = from_unix_seconds(1'795'000'000);
  auto first = StoreLock::acquire(folder.path(), now);
  ASSERT_TRUE(first.has_value());
  const auto second = StoreLock::acquire(folder.path(), now);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kUnavailable);
  EXPECT_THAT(second.error().message,
              HasSubstr("pid " + std::to_string(::getpid()) + " since " + to_rfc3339(now)));
  first->reset();
  EXPECT_TRUE(StoreLock::acquire(folder.path(), now).has_value());
  EXPECT_FALSE(StoreLock::acquire(folder.path("none"), now).has_value());
}

TEST(Secrets, AKeyComesFromTheFirstLineOfAFile) {
  StoreTestFolder folder;
  const auto key_of = [&](std::string_view text) {
    EXPECT_TRUE(write_whole_file(folder.path("key"), text).has_value());
    return key_from_file(folder.path("key"));
  };
  EXPECT_EQ(key_of("  sk-one \r\nsk-two\n").value(), "sk-one");
  for (const auto* text : {"", "\n", "   \nsk", "two words", "tab\tbed", "k\x01", "schlüssel"}) {
    const auto key = key_of(text);
    ASSERT_FALSE(key.has_value()) << text;
    EXPECT_EQ(key.error().kind, ErrorKind::kUnauthenticated);
    EXPECT_EQ(key.error().text().find("words"), std::string::npos) << "a key in an error";
  }
  // A JSON document is a key as a whole.
  EXPECT_EQ(key_of("\n{\"type\":\n \"x\"}\n").value(), "{\"type\":\n \"x\"}");
  EXPECT_EQ(key_from_file(folder.path("none")).error().kind, ErrorKind::kUnauthenticated);
}

TEST(Secrets, AKeyComesFromTheEnvironment) {
  ASSERT_EQ(::setenv("WEIR_TEST_KEY", "sk-env", 1), 0);
  EXPECT_EQ(key_from_environment("WEIR_TEST_KEY").value(), "sk-env");
  ASSERT_EQ(::unsetenv("WEIR_TEST_KEY"), 0);
  const auto none = key_from_environment("WEIR_TEST_KEY");
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().hint, HasSubstr("export WEIR_TEST_KEY="));
  EXPECT_EQ(key_from_environment("WEIR_TEST_KEY", true).value(), "");
  EXPECT_EQ(key_from_environment("", true).value(), "");
  EXPECT_FALSE(key_from_environment("").has_value());
}

TEST(Secrets, ADigestRecognisesAKeyAndDoesNotRevealIt) {
  EXPECT_EQ(key_digest("sk-a"), key_digest("sk-a"));
  EXPECT_NE(key_digest("sk-a"), key_digest("sk-b"));
  EXPECT_EQ(key_digest("sk-a").size(), 64U);
}

TEST(SyncFolderOf, TakesAnyPathOfAFileAndNamesTheFolderThatIsNotThere) {
  StoreTestFolder folder;
  EXPECT_TRUE(sync_folder_of(folder.path("any")).has_value());
  EXPECT_TRUE(sync_folder_of("here").has_value());
  EXPECT_TRUE(sync_folder_of("/root").has_value());
  const auto missing = sync_folder_of(folder.path("none/any"));
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().message.find("none"), std::string::npos);
}

}  // namespace
}  // namespace weir::runtime
