#include "bulk/csv.h"

#include <gtest/gtest.h>

namespace weir::bulk {
namespace {

struct Row {
  std::vector<std::string> cells;
  std::uint64_t line = 0, offset = 0, length = 0;
  std::string error;
  friend bool operator==(const Row&, const Row&) = default;
};

std::vector<Row> rows(std::string_view text, std::size_t chunk = 1U << 20,
                      std::size_t bytes_max = 1000) {
  CsvParser parser(bytes_max);
  CsvRow row;
  std::vector<Row> out;
  const auto take = [&] {
    Row r{.line = row.line, .offset = row.offset, .length = row.length, .error = row.error};
    for (std::size_t i = 0; i < row.size(); ++i) r.cells.emplace_back(row.cell(i));
    out.push_back(std::move(r));
  };
  for (std::size_t at = 0; at < text.size(); at += chunk) {
    auto bytes = text.substr(at, chunk);
    while (!bytes.empty())
      if (parser.feed(bytes, row)) take();
  }
  if (parser.finish(row)) take();
  return out;
}

using Cells = std::vector<std::string>;

TEST(Csv, ReadsWhatTheRfcShows) {
  const auto out = rows("aaa,\"b \r\nbb\",ccc\r\nzzz,\"y\"\"y\"\"\",\"x,x\"");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].cells, (Cells{"aaa", "b \r\nbb", "ccc"}));
  EXPECT_EQ(out[1].cells, (Cells{"zzz", "y\"y\"", "x,x"}));
  EXPECT_EQ(out[0].line, 1U);
  EXPECT_EQ(out[1].line, 3U);
  EXPECT_EQ(out[0].length, 16U);
  EXPECT_EQ(out[1].offset, 18U);
}

TEST(Csv, EmptyCellsAndBlankLines) {
  const auto out = rows("\n\r\n,\n\"\"\na,,\r\n\n");
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(out[0].cells, (Cells{"", ""}));
  EXPECT_EQ(out[0].line, 3U);
  EXPECT_EQ(out[1].cells, Cells{""});
  EXPECT_EQ(out[2].cells, (Cells{"a", "", ""}));
  EXPECT_TRUE(rows("").empty());
  EXPECT_TRUE(rows("\n\n").empty());
}

TEST(Csv, ALoneCarriageReturnIsText) {
  const auto out = rows("a\rb,c\r\r\nd\r");
  EXPECT_EQ(rows("\"d\"\r")[0].cells, Cells{"d"});
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].cells, (Cells{"a\rb", "c\r"}));
  EXPECT_EQ(out[1].cells, Cells{"d\r"});
  EXPECT_EQ(out[1].length, 2U);
  // Found by fuzzing: a row must read back the same from its own bytes alone.
  EXPECT_EQ(rows("c\r\r\r\n")[0].cells, rows("c\r\r")[0].cells);
}

TEST(Csv, BrokenRowsDoNotStopTheNext) {
  const auto out = rows("a,5\" disk,b\n\"x\"y,z\nok,ok\n\"open,\nto the end");
  ASSERT_EQ(out.size(), 4U);
  EXPECT_TRUE(out[0].error.contains("inside an unquoted cell"));
  EXPECT_TRUE(out[1].error.contains("follows a closing quote"));
  EXPECT_EQ(out[2].cells, (Cells{"ok", "ok"}));
  EXPECT_EQ(out[3].error, "the quote that opens on line 4 is never closed");
  EXPECT_EQ(out[3].line, 4U);
  EXPECT_TRUE(out[0].cells.empty());
}

TEST(Csv, LongRowsAreSkippedNotKept) {
  const std::string text = "a,\"" + std::string(5000, 'x') + "\n\"\nb,c\n";
  for (const std::size_t chunk : {1UL, 7UL, 100000UL}) {
    const auto out = rows(text, chunk, 100);
    ASSERT_EQ(out.size(), 2U);
    EXPECT_TRUE(out[0].error.contains("longer than 100 bytes"));
    EXPECT_EQ(out[0].length, 5005U);
    EXPECT_EQ(out[1].cells, (Cells{"b", "c"}));
    EXPECT_EQ(out[1].line, 3U);
  }
  EXPECT_EQ(rows(std::string(100, 'x'), 1, 100)[0].error, "");
  EXPECT_NE(rows(std::string(101, 'x'), 1, 100)[0].error, "");
}

TEST(Csv, ChunksMakeNoDifference) {
  const std::string_view text = "a,\"b\"\"c\r\n\",d\r\n\r\n\"\",x\ry\n5\"x,1\n\"q\"w\r\nlast,\"un";
  const auto whole = rows(text);
  for (std::size_t chunk = 1; chunk < text.size(); ++chunk)
    EXPECT_EQ(rows(text, chunk), whole) << chunk;
}

TEST(Csv, ReadsBackWhatIsWritten) {
  std::string text;
  const Cells cells{"", "plain", "a,b", "say \"x\"", "two\nlines", "cr\r", " space "};
  for (const auto& cell : cells) {
    if (!text.empty()) text += ',';
    append_csv_cell(text, cell);
  }
  const auto out = rows(text);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].cells, cells);
}

}  // namespace
}  // namespace weir::bulk
