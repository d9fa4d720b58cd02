// Properties over random inputs. Built in where the build defines WEIR_RAPIDCHECK (and links
// rapidcheck).
#ifdef WEIR_RAPIDCHECK
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <map>

#include "bulk/csv.h"
#include "bulk/duplicates.h"
#include "bulk/input.h"
#include "bulk/input_test_folder.h"
#include "json/lines.h"

namespace weir::bulk {
namespace {

using Table = std::vector<std::vector<std::string>>;

rc::Gen<std::string> nasty(const std::string& alphabet) {
  return rc::gen::container<std::string>(rc::gen::elementOf(alphabet));
}

std::vector<std::string_view> chunks_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto size = std::min<std::size_t>(*rc::gen::inRange<std::size_t>(1, 9), text.size());
    out.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

RC_GTEST_PROP(CsvProperty, ReadsBackWhatIsWritten, ()) {
  const auto table = *rc::gen::container<Table>(
      rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(nasty("ab,\"\r\n "))));
  const std::string end = *rc::gen::elementOf(std::vector<std::string>{"\n", "\r\n"});
  std::string text;
  for (const auto& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      append_csv_cell(text, row[i]);
    }
    text += end;
  }
  CsvParser parser(1U << 20);
  CsvRow row;
  Table back;
  for (auto chunk : chunks_of(text))
    while (!chunk.empty())
      if (parser.feed(chunk, row)) {
        RC_ASSERT(row.error.empty());
        auto& cells = back.emplace_back();
        for (std::size_t i = 0; i < row.size(); ++i) cells.emplace_back(row.cell(i));
      }
  RC_ASSERT(!parser.finish(row));
  RC_ASSERT(back == table);
}

RC_GTEST_PROP(LineSplitterProperty, ChunksMakeNoDifference, ()) {
  const auto text = *nasty("ab\r\n\n");
  const auto bytes_max = *rc::gen::inRange<std::size_t>(1, 6);
  using Line = std::tuple<std::string, std::uint64_t, std::uint64_t, std::uint64_t, bool>;
  const auto split = [&](const std::vector<std::string_view>& chunks) {
    json::LineSplitter splitter(bytes_max);
    std::vector<Line> out;
    const auto take = [&](const json::LineSplitter::Line& line) {
      out.emplace_back(line.bytes, line.number, line.offset, line.length, line.too_long);
      return true;
    };
    for (const auto chunk : chunks) splitter.feed(chunk, take);
    splitter.finish(take);
    return out;
  };
  const auto whole = split({text});
  RC_ASSERT(split(chunks_of(text)) == whole);
  for (const auto& [bytes, number, offset, length, too_long] : whole)
    if (!too_long) RC_ASSERT(bytes == text.substr(offset, length));
}

RC_GTEST_PROP(DuplicatesProperty, FindsEachOnce, ()) {
  const auto numbers = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 50));
  const TestFolder folder;
  DuplicateFinder finder({.dir = folder.path(), .in_memory_max = 3, .partition_bytes_max = 48});
  std::map<int, std::uint64_t> first;
  std::map<std::uint64_t, std::uint64_t> want, got;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    RC_ASSERT(finder.add(i, std::to_string(numbers[i])).has_value());
    if (const auto [at, added] = first.emplace(numbers[i], i); !added) want.emplace(i, at->second);
  }
  const auto found = finder.find(
      [&](std::uint64_t i) -> Result<std::string> { return std::to_string(numbers[i]); },
      [&](std::uint64_t f, std::uint64_t d) -> Result<void> {
        got.emplace(d, f);
        return {};
      });
  RC_ASSERT(found.has_value());
  RC_ASSERT(got == want);
}

}  // namespace
}  // namespace weir::bulk
#endif
