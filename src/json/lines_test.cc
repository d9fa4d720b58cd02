#include "json/lines.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir::json {
namespace {

struct Seen {
  std::string bytes;
  std::uint64_t number = 0, offset = 0, length = 0;
  bool too_long = false;
  friend bool operator==(const Seen&, const Seen&) = default;
};

void PrintTo(const Seen& seen, std::ostream* out) {
  *out << '#' << seen.number << " at " << seen.offset << ": '" << seen.bytes << "'";
}

std::vector<Seen> split(std::string_view input, std::size_t chunk, std::size_t line_bytes_max) {
  LineSplitter splitter(line_bytes_max);
  std::vector<Seen> lines;
  const auto keep = [&](const LineSplitter::Line& line) {
    lines.push_back(
        {std::string(line.bytes), line.number, line.offset, line.length, line.too_long});
    return true;
  };
  for (std::size_t at = 0; at < input.size(); at += chunk)
    EXPECT_TRUE(splitter.feed(input.substr(at, chunk), keep));
  EXPECT_TRUE(splitter.finish(keep));
  EXPECT_EQ(splitter.consumed(), input.size());
  return lines;
}

TEST(LineSplitter, EndsOfEitherKindAndALastLineWithoutOne) {
  EXPECT_EQ(split("a\r\nbc\n\nd", 100, 10),
            (std::vector<Seen>{{"a", 1, 0, 1}, {"bc", 2, 3, 2}, {"", 3, 6, 0}, {"d", 4, 7, 1}}));
  EXPECT_EQ(split("", 1, 10), std::vector<Seen>{});
  EXPECT_EQ(split("\n", 1, 10), (std::vector<Seen>{{"", 1, 0, 0}}));
}

TEST(LineSplitter, ReportsALongLineOnceAndGoesOn) {
  EXPECT_EQ(split("12345\n1234\n123456", 2, 4),
            (std::vector<Seen>{{"", 1, 0, 5, true}, {"1234", 2, 6, 4}, {"", 3, 11, 6, true}}));
}

TEST(LineSplitter, StopsWhenTold) {
  LineSplitter splitter(10);
  int lines = 0;
  EXPECT_FALSE(splitter.feed("a\nb\nc\n", [&](const auto&) { return ++lines < 2; }));
  EXPECT_EQ(lines, 2);
  EXPECT_EQ(splitter.consumed(), 4U);
}

RC_GTEST_PROP(LineSplitter, ChunksChangeNothing, ()) {
  const auto input = *rc::gen::container<std::string>(rc::gen::element('a', 'b', '\n', '\r', ' '));
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 9);
  const auto line_bytes_max = *rc::gen::inRange<std::size_t>(1, 9);
  RC_ASSERT(split(input, chunk, line_bytes_max) ==
            split(input, std::max<std::size_t>(input.size(), 1), line_bytes_max));
}

RC_GTEST_PROP(LineSplitter, JoinedLinesAreTheInput, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(
      rc::gen::container<std::string>(rc::gen::element('x', '{', '"')));
  std::string input;
  for (const auto& word : words) input += word + "\n";
  const auto lines = split(input, 3, 1000);
  RC_ASSERT(lines.size() == words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    RC_ASSERT(lines[i].bytes == words[i]);
    RC_ASSERT(input.substr(lines[i].offset, lines[i].length) == words[i]);
  }
}

}  // namespace
}  // namespace weir::json
