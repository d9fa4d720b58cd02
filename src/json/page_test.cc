#include "json/page.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace weir::json {
namespace {

struct Page {
  std::vector<std::string> rows;
  std::vector<std::uint64_t> numbers;
  std::string envelope;  // "broken" where there is none
  friend bool operator==(const Page&, const Page&) = default;
};

constexpr std::size_t kRowBytesMax = 40;

Page split_page(std::string_view input, std::size_t chunk, std::uint64_t before = 0) {
  PageSplitter splitter("results", kRowBytesMax, before);
  Page out;
  for (std::size_t at = 0; at < input.size(); at += chunk)
    EXPECT_TRUE(splitter.feed(input.substr(at, chunk), [&](const LineSplitter::Line& row) {
      out.rows.emplace_back(row.too_long ? "too long" : row.bytes);
      out.numbers.push_back(row.number);
      return true;
    }));
  out.envelope = splitter.envelope().value_or("broken");
  EXPECT_EQ(splitter.rows(), before + out.rows.size());
  return out;
}

using Rows = std::vector<std::string>;

TEST(PageSplitter, RowsAndWhatIsBesideThem) {
  const auto page = split_page(R"( {"a":{"results":[9]}, "results":[ {"x":"],}\"{"} ,)"
                               "\n"
                               R"([1,[2]],"s",3 ],"next":"t\"1","results2":[4]} )",
                               1000, 7);
  EXPECT_EQ(page.rows, (Rows{R"({"x":"],}\"{"})", "[1,[2]]", R"("s")", "3"}));
  EXPECT_EQ(page.numbers, (std::vector<std::uint64_t>{8, 9, 10, 11}));
  EXPECT_EQ(page.envelope, R"({"a":{"results":[9]}, "results":[],"next":"t\"1","results2":[4]})");
}

TEST(PageSplitter, PagesWithoutRows) {
  EXPECT_EQ(split_page(R"({"results":[]})", 3).envelope, R"({"results":[]})");
  EXPECT_EQ(split_page(R"({"results":null,"next":null})", 3).envelope,
            R"({"results":null,"next":null})");
  EXPECT_EQ(split_page("{}", 1).envelope, "{}");
  // A value of that name is no member of it.
  EXPECT_EQ(split_page(R"({"x":"results","y":[1]})", 4).rows, Rows{});
}

TEST(PageSplitter, WhatIsNoPage) {
  for (const std::string_view text :
       {"", " ", "[1]", "<html>", "{", R"({"results":[{"a":1},{"b")", R"({"results":[1],"n":1)",
        R"({"results":[]} x)", "}{", R"("results")"})
    EXPECT_EQ(split_page(text, 2).envelope, "broken") << text;
  EXPECT_EQ(split_page(R"({"results":[{"a":1},{"b")", 2).rows, Rows{R"({"a":1})"});
  const std::string large(PageSplitter::kEnvelopeBytesMax, 'x');
  EXPECT_EQ(split_page(R"({"results":[],"n":")" + large + "\"}", 4096).envelope, "broken");
}

TEST(PageSplitter, ARowThatIsTooLongIsToldOnce) {
  const std::string large(kRowBytesMax, 'x');
  for (const std::size_t chunk : {1U, 7U, 1000U})
    EXPECT_EQ(split_page(R"({"results":[1,")" + large + R"(",2]})", chunk).rows,
              (Rows{"1", "too long", "2"}));
}

TEST(PageSplitter, StopsWhenAsked) {
  PageSplitter splitter("results", kRowBytesMax);
  int seen = 0;
  EXPECT_FALSE(splitter.feed(R"({"results":[1,2,3]})",
                             [&](const LineSplitter::Line&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

RC_GTEST_PROP(PageSplitter, TheChunksDoNotMatter, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "{", "}", "[", "]", "\"", "\\", ",", ":", " ", "1", "\"results\":[", "\"results\"", "\n"));
  std::string text = *rc::gen::arbitrary<bool>() ? R"({"results":[)" : "{";
  for (const auto& piece : pieces) text += piece;
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 9);
  RC_ASSERT(split_page(text, chunk) == split_page(text, text.size()));
}

}  // namespace
}  // namespace weir::json
