// CSV: chunks make no difference, places are right, and a row read again by its place is the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bulk/csv.h"

namespace {

using weir::bulk::CsvParser;
using weir::bulk::CsvRow;

struct Row {
  std::vector<std::string> cells;
  std::uint64_t offset = 0, length = 0, line = 0;
  bool good = false;
  friend bool operator==(const Row&, const Row&) = default;
};

std::vector<Row> read(std::string_view text, std::size_t chunk, std::uint64_t offset,
                      std::uint64_t line) {
  CsvParser parser(4096, offset, line);
  CsvRow row;
  std::vector<Row> out;
  const auto take = [&] {
    Row copy{
        .offset = row.offset, .length = row.length, .line = row.line, .good = row.error.empty()};
    for (std::size_t i = 0; i < row.size(); ++i) copy.cells.emplace_back(row.cell(i));
    out.push_back(std::move(copy));
  };
  for (std::size_t at = 0; at < text.size(); at += chunk) {
    auto bytes = text.substr(at, chunk);
    while (!bytes.empty())
      if (parser.feed(bytes, row)) take();
  }
  if (parser.finish(row)) take();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t chunk = 1U + data[0] % 16U;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto whole = read(text, text.size() + 1, 0, 1);
  if (read(text, chunk, 0, 1) != whole) __builtin_trap();
  for (const auto& row : whole) {
    if (row.offset + row.length > text.size()) __builtin_trap();
    if (!row.good) continue;
    const auto again = read(text.substr(row.offset, row.length), chunk, row.offset, row.line);
    if (again.size() != 1 || again[0] != row) __builtin_trap();
  }
  return 0;
}
