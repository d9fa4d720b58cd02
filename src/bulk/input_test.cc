#include "bulk/input.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulk/input_test_folder.h"

namespace weir::bulk {
namespace {

struct Seen {
  std::string id, error;
  RecordRef ref;
};

std::unique_ptr<Input> open(InputOptions options) {
  auto input = Input::open(std::move(options));
  if (!input) ADD_FAILURE() << input.error().text();
  return input ? *std::move(input) : nullptr;
}

// Reads all records, and each of them again by its place: both must say the same.
std::vector<Seen> all(Input& input) {
  std::vector<Seen> out;
  Record record;
  while (true) {
    const auto more = input.next(record);
    if (!more) {
      ADD_FAILURE() << more.error().text();
      return out;
    }
    if (!*more) return out;
    out.push_back(
        {.id = record.id, .error = record.error ? record.error->message : "", .ref = record.ref});
    if (record.error) continue;
    EXPECT_TRUE(input.finish());
    const auto again = input.read(record.ref);
    EXPECT_TRUE(again) << again.error().text();
    if (!again) continue;
    EXPECT_EQ(again->id, record.id);
    EXPECT_EQ(again->whole(), record.whole());
    EXPECT_FALSE(again->error);
  }
}

std::string open_error(InputOptions options) {
  const auto input = Input::open(std::move(options));
  return input ? "no error"
               : std::string(to_string(input.error().kind)) + ": " + input.error().message;
}

TEST(Jsonl, ReadsRecordsWithTheirPlaces) {
  const TestFolder folder;
  const auto path = folder.write("a.jsonl",
                                 "\xEF\xBB\xBF{\"id\":\"a\",\"t\":1.10}\r\n\n  \n {\"id\": 7, "
                                 "\"t\":{\"x\": [1, 2.50], \"y\":\"z\"}} \n{\"id\":\"c\"}");
  const auto input = open({.path = path});
  EXPECT_EQ(input->format(), Format::kJsonl);
  const auto seen = all(*input);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].id, "a");
  EXPECT_EQ(seen[0].ref.offset, 3U);
  EXPECT_EQ(seen[0].ref.line, 1U);
  EXPECT_EQ(seen[1].id, "7");
  EXPECT_EQ(seen[1].ref.line, 4U);
  EXPECT_EQ(seen[2].ref.index, 2U);
  const auto second = input->read(seen[1].ref);
  EXPECT_EQ(second->field("t"), R"({"x":[1,2.50],"y":"z"})");
  EXPECT_EQ(second->field("t.x"), "[1,2.50]");
  EXPECT_EQ(second->field("t.y"), "z");
  EXPECT_EQ(second->field("t.none"), std::nullopt);
  EXPECT_EQ(second->field("t.y.z"), std::nullopt);
  EXPECT_EQ(second->field("*"), R"({"id": 7, "t":{"x": [1, 2.50], "y":"z"}})");
  EXPECT_EQ(second->field_names(), (std::vector<std::string>{"id", "t"}));
  EXPECT_EQ(input->read(seen[0].ref)->field("t"), "1.10");
}

TEST(Jsonl, BadLinesAreErrorsOfTheirOwn) {
  const TestFolder folder;
  const std::string deep = std::string(70, '[') + std::string(70, ']');
  const auto path = folder.write("a.jsonl",
                                 "not "
                                 "json\n{\"id\":1}\n{\"id\":2,\"a\":tru}\n[1]\n{\"id\":3,\"id\":4}"
                                 "\n{\"id\":\"\xFF\"}\n{\"id\":5,\"a\":" +
                                     deep + "}\n{\"id\":[]}\n{\"id\":\"\"}\n{\"id\":\"" +
                                     std::string(1025, 'x') + "\"}\n{\"id\":6}");
  const auto input = open({.path = path});
  const auto seen = all(*input);
  ASSERT_EQ(seen.size(), 11U);
  EXPECT_TRUE(seen[0].error.starts_with("line 1: not valid JSON"));
  EXPECT_EQ(seen[1].error, "");
  EXPECT_TRUE(seen[2].error.starts_with("line 3: not valid JSON"));
  EXPECT_EQ(seen[3].error, "line 4: a JSON object is expected");
  EXPECT_TRUE(seen[4].error.starts_with("line 5: key 'id' stands twice"));
  EXPECT_TRUE(seen[5].error.contains("UTF-8"));
  EXPECT_TRUE(seen[6].error.contains("nested deeper"));
  EXPECT_TRUE(seen[7].error.contains("neither text nor a number"));
  EXPECT_TRUE(seen[8].error.contains("the id is empty"));
  EXPECT_TRUE(seen[9].error.contains("longer than 1024"));
  EXPECT_EQ(seen[9].id, "");
  EXPECT_EQ(seen[10].id, "6");
}

TEST(Jsonl, IdsFromTheLineOrFromAnotherField) {
  const TestFolder folder;
  const auto path = folder.write("a.jsonl", "\n{\"meta\":{\"key\":\"k\"}}\n{\"id\":null}\n");
  auto seen = all(*open({.path = path}));
  EXPECT_EQ(seen[0].id, "line-2");
  EXPECT_EQ(seen[1].id, "line-3");
  seen = all(*open({.path = path, .id_field = "meta.key"}));
  EXPECT_EQ(seen[0].id, "k");
  EXPECT_EQ(seen[1].error, "line 3: the id field 'meta.key' is missing");
}

TEST(Jsonl, AHundredMegabyteLineIsReportedInBoundedMemory) {
  const TestFolder folder;
  const auto path = folder.path("a.jsonl");
  {
    std::ofstream out(path);
    out << "{\"id\":1}\n{\"id\":2,\"t\":\"";
    const std::string block(1U << 20, 'x');
    for (int i = 0; i < 100; ++i) out << block;
    out << "\"}\n{\"id\":3}\n";
  }
  const auto input = open({.path = path});
  struct rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  const auto seen = all(*input);
  struct rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_TRUE(seen[1].error.starts_with("line 2: the line has 104857"));
  EXPECT_EQ(seen[2].id, "3");
  EXPECT_EQ(seen[2].ref.line, 3U);
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss,
            110 * 1024);  // the bound of a line, while its buffer grows
#endif
}

TEST(Jsonl, LongLinesUpToTheBoundAreRead) {
  const TestFolder folder;
  const std::string at_bound = "{\"id\":1,\"t\":\"" + std::string(987, 'x') + "\"}";
  ASSERT_EQ(at_bound.size(), 1002U);
  const auto path = folder.write("a.jsonl", at_bound + "\n" + at_bound + " \n{\"id\":2}\n");
  const auto seen = all(*open({.path = path, .line_bytes_max = 1002}));
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].error, "");
  EXPECT_NE(seen[1].error, "");
  EXPECT_EQ(seen[2].error, "");
}

TEST(RequestLines, OpenAI) {
  const TestFolder folder;
  const std::string body = R"({"model": "gpt-x",  "messages":[{"role":"user","content":"hi"}]})";
  const auto path = folder.write(
      "a.jsonl",
      R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body": )" + body + "}\n" +
          R"({"custom_id":"b","method":"POST","url":"/v1/embeddings","body":{}})" + "\n" +
          R"({"custom_id":"c","method":"GET","url":"/v1/chat/completions","body":{}})" + "\n" +
          R"({"custom_id":4,"url":"/v1/chat/completions","body":{}})" + "\n" +
          R"({"custom_id":"e","url":"/v1/chat/completions","body":[]})" + "\n" +
          R"({"custom_id":"f","url":"/v1/chat/completions","body":{"model":"a","model":"b"}})" +
          "\n");
  const auto input = open({.path = path});
  EXPECT_EQ(input->format(), Format::kOpenAIBatch);
  Record record;
  ASSERT_TRUE(*input->next(record));
  EXPECT_EQ(record.id, "a");
  EXPECT_TRUE(record.is_request());
  EXPECT_EQ(record.body(), body);
  EXPECT_EQ(record.body_value()["model"].string(), "gpt-x");
  EXPECT_EQ(record.raw_body()->bytes, body);
  EXPECT_EQ(record.raw_body()->dialect, llm::Dialect::kOpenAIChat);
  EXPECT_EQ(record.field("body"), std::nullopt);
  ASSERT_TRUE(*input->next(record));
  EXPECT_EQ(record.error->kind, ErrorKind::kUnsupported);
  EXPECT_EQ(record.error->message, "line 2: url /v1/embeddings is not supported");
  EXPECT_EQ(record.raw_body(), std::nullopt);
  for (const auto* why :
       {"method must be POST", "custom_id is missing", "body is missing", "'model' stands twice"}) {
    ASSERT_TRUE(*input->next(record));
    EXPECT_TRUE(record.error->message.contains(why)) << record.error->message;
  }
  EXPECT_FALSE(*input->next(record));
}

// The first line says which of OpenAI's APIs all of them are for.
TEST(RequestLines, OpenAIResponses) {
  const TestFolder folder;
  const std::string body = R"({"model":"gpt-x","input":"Hi"})";
  const auto path = folder.write(
      "a.jsonl",
      R"({"custom_id":"a","method":"POST","url":"/v1/responses","body":)" + body + "}\n" +
          R"({"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{}})" + "\n");
  const auto input = open({.path = path});
  EXPECT_EQ(input->format(), Format::kOpenAIResponses);
  Record record;
  ASSERT_TRUE(*input->next(record));
  EXPECT_EQ(record.raw_body()->bytes, body);
  EXPECT_EQ(record.raw_body()->dialect, llm::Dialect::kOpenAIResponses);
  ASSERT_TRUE(*input->next(record));
  EXPECT_EQ(record.error->kind, ErrorKind::kUnsupported);
  EXPECT_TRUE(record.error->hint.contains("/v1/responses"));
}

TEST(RequestLines, AnthropicAndMovedRecords) {
  const TestFolder folder;
  const auto path = folder.write(
      "a.jsonl", "oops\n{\"custom_id\":\"a\",\"params\":{\"model\":\"m\"}}\n{\"x\":1}\n");
  const auto input = open({.path = path});
  EXPECT_EQ(input->format(), Format::kAnthropicBatch);
  Record record;
  ASSERT_TRUE(*input->next(record));
  EXPECT_TRUE(record.error);
  ASSERT_TRUE(*input->next(record));
  const Record moved = std::move(record);
  EXPECT_EQ(moved.body(), "{\"model\":\"m\"}");
  EXPECT_EQ(moved.body_value()["model"].string(), "m");
  EXPECT_EQ(moved.raw_body()->dialect, llm::Dialect::kAnthropicMessages);
}

TEST(CsvInput, ReadsRows) {
  const TestFolder folder;
  const auto path = folder.write("a.csv",
                                 "\xEF\xBB\xBF,id,text,a.b\r\n0,x,\"two\nlines\",1\r\n\r\n1,y,"
                                 "plain\r\n2,,z,3\n3,w,\xFF,3\n4,\"v\",u,t");
  const auto input = open({.path = path});
  EXPECT_EQ(input->format(), Format::kCsv);
  EXPECT_EQ(input->columns(), (std::vector<std::string>{"", "id", "text", "a.b"}));
  const auto seen = all(*input);
  ASSERT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen[0].ref.line, 2U);
  EXPECT_EQ(seen[1].error, "line 5: the row has 3 cells, the header 4");
  EXPECT_EQ(seen[2].error, "line 6: the id is empty");
  EXPECT_EQ(seen[3].error, "line 7: cell 'text' is not valid UTF-8");
  EXPECT_EQ(seen[4].id, "v");
  const auto first = input->read(seen[0].ref);
  EXPECT_EQ(first->field("text"), "two\nlines");
  EXPECT_EQ(first->field("a.b"), "1");
  EXPECT_EQ(first->field(""), std::nullopt);
  EXPECT_EQ(first->field("none"), std::nullopt);
  EXPECT_EQ(first->whole(), R"({"id":"x","text":"two\nlines","a.b":"1"})");
  EXPECT_EQ(first->field_names(), (std::vector<std::string>{"id", "text", "a.b"}));
}

TEST(CsvInput, HeaderErrorsAreTheFiles) {
  const TestFolder folder;
  EXPECT_TRUE(
      open_error({.path = folder.write("a.csv", "a,b,a\n1,2,3\n")}).contains("has 'a' twice"));
  EXPECT_TRUE(open_error({.path = folder.write("b.csv", "\n\n")}).contains("has no header row"));
  EXPECT_TRUE(open_error({.path = folder.write("c.csv", "a,\"b")})
                  .contains("line 1: the quote that opens"));
  EXPECT_TRUE(open_error({.path = folder.write("d.csv", "a,b\n"), .id_field = "key"})
                  .contains("has no column 'key'"));
  const auto seen = all(*open({.path = folder.write("e.csv", "a,b\n1,2\n")}));
  EXPECT_EQ(seen[0].id, "line-2");
}

TEST(FolderInput, ReadsFilesInOrderOfTheirPaths) {
  const TestFolder folder;
  folder.write("in/b.txt", "B");
  folder.write("in/a/z.txt", "AZ");
  folder.write("in/a-b.txt", "A-B");
  folder.write("in/a.txt", "A");
  folder.write("in/.hidden", "no");
  folder.write("in/.git/x", "no");
  folder.write("in/out.jsonl.weir/items.index", "no");
  folder.write("in/bad.bin", "\xFF\xFE");
  ASSERT_EQ(::symlink("../in", folder.path("in/loop").c_str()), 0);
  ASSERT_EQ(::mkfifo(folder.path("in/pipe").c_str(), 0600), 0);
  const auto input =
      open({.path = folder.path("in"), .folder_manifest = folder.path("folder.jsonl")});
  EXPECT_EQ(input->format(), Format::kFolder);
  const auto seen = all(*input);
  ASSERT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen[0].id, "a-b.txt");
  EXPECT_EQ(seen[1].id, "a.txt");
  EXPECT_EQ(seen[2].id, "a/z.txt");
  EXPECT_EQ(seen[3].id, "b.txt");
  EXPECT_EQ(seen[4].error, "bad.bin: not valid UTF-8");
  const auto record = input->read(seen[2].ref);
  EXPECT_EQ(record->field("path"), "a/z.txt");
  EXPECT_EQ(record->field("name"), "z.txt");
  EXPECT_EQ(record->field("text"), "AZ");
}

TEST(FolderInput, NoticesChangedFiles) {
  const TestFolder folder;
  folder.write("in/a", "one");
  folder.write("in/b", "two");
  folder.write("in/c", "three");
  const auto manifest = folder.path("folder.jsonl");
  const auto seen = all(*open({.path = folder.path("in"), .folder_manifest = manifest}));
  ASSERT_EQ(seen.size(), 3U);
  folder.write("in/a", "ONE");
  folder.write("in/c", "three");  // touched only
  const auto later = open({.path = folder.path("in"), .folder_manifest = manifest});
  EXPECT_EQ(later->read(seen[0].ref)->error->message, "a changed since accept");
  EXPECT_EQ(later->read(seen[1].ref)->field("text"), "two");
  EXPECT_EQ(later->read(seen[2].ref)->field("text"), "three");
  std::filesystem::remove(folder.path("in/b"));
  EXPECT_EQ(later->read(seen[1].ref)->error->kind, ErrorKind::kNotFound);
}

TEST(FolderInput, WithoutFilesIsAnError) {
  const TestFolder folder;
  folder.write("in/.x", "");
  const auto input = open({.path = folder.path("in")});
  Record record;
  const auto next = input->next(record);
  ASSERT_FALSE(next);
  EXPECT_TRUE(next.error().message.ends_with("has no files"));
}

TEST(InputOpen, FileErrors) {
  const TestFolder folder;
  EXPECT_TRUE(open_error({.path = folder.path("none.jsonl")}).starts_with("not_found"));
  EXPECT_TRUE(open_error({.path = folder.write("empty.jsonl", "")}).contains("is empty"));
  EXPECT_TRUE(open_error({.path = folder.write("a.json", "[{\"id\":1}]")}).contains("JSON array"));
  EXPECT_TRUE(
      open_error({.path = folder.write("a.jsonl", "[{\"id\":1}]"), .format = Format::kJsonl})
          .contains("JSON array"));
  EXPECT_TRUE(open_error({.path = folder.write("a.gz", "\x1F\x8Bxx")}).contains("compressed"));
  EXPECT_TRUE(open_error({.path = folder.write("b.csv", std::string("\xFF\xFE") + "a")})
                  .contains("UTF-16"));
  EXPECT_TRUE(open_error({.path = folder.write("a.txt", "hello\n")}).contains("cannot be told"));
  EXPECT_TRUE(open_error({.path = folder.path(), .format = Format::kCsv}).contains("is a folder"));
  EXPECT_TRUE(open_error({.path = folder.path("a.txt"), .format = Format::kFolder})
                  .contains("is no folder"));
  EXPECT_TRUE(open_error({.path = "/dev/null"}).contains("no regular file"));
  if (::geteuid() != 0) {
    ::chmod(folder.path("a.txt").c_str(), 0);
    EXPECT_TRUE(open_error({.path = folder.path("a.txt")}).contains("Permission denied"));
  }
}

TEST(InputOpen, TellsTheFormat) {
  const TestFolder folder;
  const auto format = [&](std::string_view name, std::string_view text) {
    return open({.path = folder.write(name, text)})->format();
  };
  EXPECT_EQ(format("a", "{\"id\":1}\n"), Format::kJsonl);
  EXPECT_EQ(format("b", "a,b\n1,2\n"), Format::kCsv);
  EXPECT_EQ(format("c.CSV", "a\n1\n"), Format::kCsv);
  EXPECT_EQ(format("d.ndjson", "x\n"), Format::kJsonl);
  EXPECT_EQ(format("e", "{\"custom_id\":\"a\",\"x\":1}\n"), Format::kJsonl);
  EXPECT_EQ(parse_format("openAI-batch"), Format::kOpenAIBatch);
  EXPECT_EQ(to_string(Format::kFolder), "folder");
  EXPECT_EQ(parse_format("xml").error().kind, ErrorKind::kInvalidArgument);
}

TEST(InputOpen, GivesChunksInOrder) {
  const TestFolder folder;
  std::string text;
  while (text.size() < 3 * kChunkBytes)
    text +=
        "{\"id\":" + std::to_string(text.size()) + ",\"t\":\"" + std::string(1000, 'x') + "\"}\n";
  std::vector<std::size_t> sizes;
  const auto input =
      open({.path = folder.write("a.jsonl", text),
            .on_chunk = [&](std::uint64_t chunk, std::string_view bytes) {
              EXPECT_EQ(chunk, sizes.size());
              EXPECT_EQ(bytes, std::string_view(text).substr(chunk * kChunkBytes, kChunkBytes));
              sizes.push_back(bytes.size());
            }});
  const auto seen = all(*input);
  for (const auto& s : seen) EXPECT_EQ(s.error, "");
  EXPECT_EQ(sizes.size(), 4U);
  EXPECT_EQ(input->bytes_read(), text.size());
}

}  // namespace
}  // namespace weir::bulk
