// PageSplitter, any bytes in any chunks: the same rows and the same rest, and of a page that is JSON both are what a parser finds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "json/page.h"
#include "json/value.h"

namespace {

constexpr std::size_t kRowBytesMax = 4096;

struct Page {
  std::vector<std::string> rows;
  std::string rest;
  bool whole = false;
  friend bool operator==(const Page&, const Page&) = default;
};

Page split(std::string_view bytes, std::size_t chunk) {
  weir::json::PageSplitter splitter("r", kRowBytesMax);
  Page out;
  for (std::size_t at = 0; at < bytes.size(); at += chunk)
    splitter.feed(bytes.substr(at, chunk), [&](const weir::json::LineSplitter::Line& row) {
      out.rows.emplace_back(row.bytes);
      return true;
    });
  auto rest = splitter.envelope();
  out.whole = rest.has_value();
  out.rest = std::move(rest).value_or("");
  if (splitter.rows() != out.rows.size()) std::abort();
  return out;
}

// Of a page that a parser takes, with one array of rows.
void check_page(weir::json::Value page, const Page& seen) {
  if (!seen.whole) std::abort();
  std::size_t arrays = 0, rows = 0;
  for (const auto member : page.members()) {
    const weir::json::Value value(member.value);
    if (member.key != "r" || !value.is_array()) continue;
    ++arrays;
    rows += value.size();
  }
  if (arrays == 1 && rows != seen.rows.size()) std::abort();
  weir::json::Parser parser;
  if (!parser.parse(seen.rest)) std::abort();
  for (const auto& row : seen.rows)
    if (!row.empty() && !parser.parse(row)) std::abort();
}

}  // namespace

// The first byte is the size of the chunks, the rest is the page.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Page seen = split(bytes, std::max<std::size_t>(bytes.size(), 1));
  if (seen != split(bytes, std::size_t{data[0]} % 16 + 1)) std::abort();
  weir::json::Parser parser;
  // A name that is written with escapes is not looked for.
  if (const auto page = parser.parse(bytes);
      page && page->is_object() && bytes.size() < kRowBytesMax && !bytes.contains('\\'))
    check_page(*page, seen);
  return 0;
}
