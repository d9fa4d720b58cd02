#include "json/avro.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace weir::json {
namespace {

constexpr std::size_t kRecordBytesMax = 100'000;

struct Read {
  std::vector<std::string> rows;
  std::string end;  // "whole", or what is wrong
  friend bool operator==(const Read&, const Read&) = default;
};

Read read_all(std::string_view bytes, std::size_t chunk, std::size_t most = kRecordBytesMax) {
  AvroSplitter splitter(most);
  Read out;
  for (std::size_t at = 0; at < bytes.size(); at += chunk)
    EXPECT_TRUE(splitter.feed(bytes.substr(at, chunk), [&](const LineSplitter::Line& row) {
      EXPECT_EQ(row.number, out.rows.size() + 1);
      out.rows.emplace_back(row.too_long ? "too long" : row.bytes);
      return true;
    }));
  const auto end = splitter.end();
  out.end = end ? "whole" : end.error().message;
  if (!end) EXPECT_EQ(end.error().kind, ErrorKind::kBadResponse);
  return out;
}
Read read_all(std::string_view bytes) { return read_all(bytes, bytes.size() + 1); }

// --- Containers written by hand

std::string number(std::int64_t value) {
  auto bits = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  std::string out;
  for (; bits >= 0x80; bits >>= 7) out.push_back(static_cast<char>(bits | 0x80));
  out.push_back(static_cast<char>(bits));
  return out;
}
std::string text(std::string_view value) {
  return number(static_cast<std::int64_t>(value.size())) + std::string(value);
}
const std::string kSync = "0123456789abcdef";

std::string head(std::string_view schema, std::string_view codec = "null") {
  return std::string("Obj\1", 4) + number(2) + text("avro.schema") + text(schema) +
         text("avro.codec") + text(codec) + number(0) + kSync;
}
std::string block(std::int64_t rows, std::string_view bytes) {
  return number(rows) + text(bytes) + kSync;
}
std::string packed(std::string_view bytes) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in(bytes), out(deflateBound(&stream, in.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

const std::string kPair =
    R"({"type":"record","name":"P","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","long"]}]})";

TEST(AvroSplitter, RecordsInBlocksWhateverTheChunks) {
  const auto one = text("x") + number(0), two = text("é\n\"") + number(1) + number(-3);
  const auto three = text("") + number(1) + number(std::numeric_limits<std::int64_t>::min());
  const std::vector<std::string> rows{R"({"a":"x","b":null})", R"({"a":"é\n\"","b":-3})",
                                      R"({"a":"","b":-9223372036854775808})"};
  const auto plain = head(kPair) + block(2, one + two) + block(0, "") + block(1, three);
  const auto deflated =
      head(kPair, "deflate") + block(2, packed(one + two)) + block(1, packed(three));
  for (const auto& file : {plain, deflated})
    for (std::size_t chunk = 1; chunk <= file.size(); ++chunk)
      EXPECT_EQ(read_all(file, chunk), (Read{rows, "whole"})) << chunk;
  EXPECT_EQ(read_all(head(kPair)), (Read{{}, "whole"}));
}

// Types of every kind, nested, named and referred to. The bytes of each by the specification.
TEST(AvroSplitter, EveryKindOfType) {
  const std::string schema = R"({"type":"record","name":"R","namespace":"n","fields":[
    {"name":"flag","type":"boolean"},{"name":"i","type":"int"},{"name":"f","type":"float"},
    {"name":"d","type":"double"},{"name":"raw","type":"bytes"},
    {"name":"fix","type":{"type":"fixed","name":"F","size":2}},
    {"name":"kind","type":{"type":"enum","name":"K","symbols":["one","two"]}},
    {"name":"list","type":{"type":"array","items":"n.K"}},
    {"name":"map","type":{"type":"map","values":{"type":"array","items":"F"}}},
    {"name":"when","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"next","type":["null","R"]}]})";
  const auto body = std::string("\1", 1) + number(-7) + std::string("\0\0\xC0\x3F", 4) +
                    std::string("\0\0\0\0\0\0\x08\x40", 8) + text("\xFF\x01") + "ab" + number(1) +
                    number(-2) + number(2) + number(0) + number(1) + number(0) +  // list
                    number(1) + text("k") + number(1) + "cd" + number(0) + number(0) + number(99);
  const std::string said =
      R"("flag":true,"i":-7,"f":1.5,"d":3,"raw":"ÿ\u0001","fix":"ab","kind":"two",)"
      R"("list":["one","two"],"map":{"k":["cd"]},"when":99,"next":)";
  const auto file = head(schema) + block(1, body + number(1) + body + number(0));
  EXPECT_EQ(read_all(file, 1), (Read{{"{" + said + "{" + said + "null}}"}, "whole"}));
}

TEST(AvroSplitter, WhatIsNoNumberIsNull) {
  const std::string nan("\0\0\0\0\0\0\xF8\x7F", 8);
  EXPECT_EQ(read_all(head(R"("double")") + block(1, nan)), (Read{{"null"}, "whole"}));
  EXPECT_EQ(read_all(head(R"("string")") + block(1, text("\xFF"))),
            (Read{{"\"\xEF\xBF\xBD\""}, "whole"}));
}

TEST(AvroSplitter, AFileThatBreaksOffIsNotWhole) {
  const auto row = text("x") + number(0);
  const auto file = head(kPair, "deflate") + block(1, packed(row)) + block(1, packed(row));
  const auto first = head(kPair, "deflate").size() + block(1, packed(row)).size();
  for (std::size_t length = 0; length < file.size(); ++length) {
    const auto read = read_all(file.substr(0, length));
    EXPECT_EQ(read.end == "whole", length == first || length == head(kPair, "deflate").size())
        << length;
  }
}

TEST(AvroSplitter, WhatIsNoContainerIsSaid) {
  const auto row = text("x") + number(0);
  const auto wrong = [](const std::string& file) { return read_all(file, 7).end; };
  EXPECT_EQ(wrong("{\"custom_id\":\"x\"}"), "the Avro file is no object container");
  EXPECT_EQ(wrong(head(kPair, "snappy")), "the Avro file is packed by a codec that is not known");
  EXPECT_EQ(wrong(head("nothing")), "the Avro schema is no JSON");
  for (const auto* schema :
       {R"("other")", "7", "[]", R"({"type":"record","name":"R"})", R"({"type":"enum"})",
        R"({"type":"record","name":"R","fields":[{"name":"a"}]})",
        R"({"type":"fixed","name":"F","size":-1})"})
    EXPECT_TRUE(wrong(head(schema)).starts_with("the Avro schema")) << schema;
  EXPECT_EQ(wrong(head(kPair) + number(1) + text(row) + "0123456789abcdeX"),
            "the Avro file has a block that does not end where it says");
  EXPECT_EQ(wrong(head(kPair) + block(1, row + "x")),
            "the Avro file has a block with other than the records that it says");
  EXPECT_EQ(wrong(head(kPair) + block(2, row)),
            "the Avro file has a record that does not follow its schema");
  EXPECT_EQ(wrong(head(kPair) + block(1, text("x") + number(2))),
            "the Avro file has a record that does not follow its schema");
  EXPECT_EQ(wrong(head(kPair, "deflate") + block(1, row)),
            "the Avro file has a block that is not packed as it says");
  EXPECT_EQ(wrong(head(kPair) + number(-1) + number(0)),
            "the Avro file has a block that cannot be read");
  EXPECT_EQ(wrong(head(R"("null")") + number(1LL << 60) + number(0)),
            "the Avro file has records of nothing");
}

// The rest of its block is skipped, the next one is read.
TEST(AvroSplitter, ARecordBeyondTheBoundIsReportedOnce) {
  const auto row = text("x") + number(0), large = text(std::string(500, 'y')) + number(0);
  const Read expected{{R"({"a":"x","b":null})", "too long", R"({"a":"x","b":null})"}, "whole"};
  const auto rows = row + large + row;
  const auto plain = head(kPair) + block(3, rows) + block(1, row);
  const auto deflated = head(kPair, "deflate") + block(3, packed(rows)) + block(1, packed(row));
  for (const auto& file : {plain, deflated})
    for (const std::size_t chunk : {1UL, 50UL, 5000UL})
      EXPECT_EQ(read_all(file, chunk, 200), expected);
  // A length that nobody could keep is not waited for, nor a list of nothing that grows and grows.
  EXPECT_EQ(read_all(head(kPair) + number(1) + text(number(1LL << 62)) + kSync).rows,
            std::vector<std::string>{"too long"});
  const std::string nulls = R"({"type":"array","items":"null"})";
  EXPECT_EQ(read_all(head(nulls) + block(1, number(1LL << 60)), 99, 2000).rows,
            std::vector<std::string>{"too long"});
  // As deep as a record that holds itself.
  const std::string own = R"({"type":"record","name":"R","fields":[{"name":"r","type":"R"}]})";
  EXPECT_EQ(read_all(head(own) + block(1, "x")).rows, std::vector<std::string>{"too long"});
}

RC_GTEST_PROP(AvroSplitter, TextsComeBackInPiecesOfAnySize,
              (const std::vector<std::string>& texts)) {
  std::string rows;
  for (const auto& one : texts) rows += text(one);
  const auto count = static_cast<std::int64_t>(texts.size());
  const auto file = head(R"("string")", "deflate") + block(count, packed(rows));
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 64);
  const auto read = read_all(file, chunk);
  RC_ASSERT(read.end == "whole");
  RC_ASSERT(read.rows.size() == texts.size());
  RC_ASSERT(read == read_all(file));
}

TEST(AvroSplitter, ReadsLargeBlocksInLittleMemory) {
  std::string rows;
  constexpr int kRows = 20'000;
  for (int i = 0; i < kRows; ++i) rows += text(std::string(200, 'x'));
  const auto file = head(R"("string")", "deflate") + block(kRows, packed(rows));
  EXPECT_LT(file.size(), 100'000U);  // four million bytes
  const auto read = read_all(file, 1000);
  EXPECT_EQ(read.end, "whole");
  EXPECT_EQ(read.rows.size(), static_cast<std::size_t>(kRows));
}

// Written by fastavro 1.13.1, another writer by the same specification: the same records in several blocks, packed and not.
TEST(AvroSplitter, ReadsWhatAnotherWriterWrote) {
  const auto file_of = [](const std::string& name) {
    std::ifstream in(std::string(WEIR_SOURCE_DIR) + "/src/json/testdata/" + name, std::ios::binary);
    std::stringstream out;
    out << in.rdbuf();
    EXPECT_FALSE(out.str().empty()) << name;
    return out.str();
  };
  std::vector<std::string> rows;
  std::istringstream expected(file_of("chat.jsonl"));
  for (std::string line; std::getline(expected, line);) rows.push_back(line);
  EXPECT_EQ(rows.size(), 5U);
  for (const auto* name : {"chat.null.avro", "chat.deflate.avro"})
    for (const std::size_t chunk : {1UL, 13UL, 100'000UL})
      EXPECT_EQ(read_all(file_of(name), chunk), (Read{rows, "whole"})) << name;
}

}  // namespace
}  // namespace weir::json
