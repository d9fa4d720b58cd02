// AvroSplitter, any bytes in any chunks: the same rows and the same end, each row JSON, and no more memory than its bounds say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "json/avro.h"
#include "json/value.h"

namespace {

constexpr std::size_t kRowBytesMax = 4096;
constexpr std::size_t kRowsMax = 20'000;  // of so few bytes there may be millions

struct File {
  std::vector<std::string> rows;
  bool whole = false;
  friend bool operator==(const File&, const File&) = default;
};

File read(std::string_view bytes, std::size_t chunk) {
  weir::json::AvroSplitter splitter(kRowBytesMax);
  File out;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    const bool go_on =
        splitter.feed(bytes.substr(at, chunk), [&](const weir::json::LineSplitter::Line& row) {
          if (row.bytes.size() > kRowBytesMax) std::abort();
          out.rows.emplace_back(row.too_long ? "" : row.bytes);
          return out.rows.size() < kRowsMax;
        });
    if (!go_on) return out;
  }
  out.whole = splitter.end().has_value();
  return out;
}

}  // namespace

// The first byte is the size of the chunks, the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const File seen = read(bytes, std::max<std::size_t>(bytes.size(), 1));
  const File pieces = read(bytes, std::size_t{data[0]} % 16 + 1);
  if (seen.whole && pieces.whole && seen != pieces) std::abort();
  // How far a broken block is unpacked before that is noticed depends on the pieces, and behind a row that is too long it is not
  // unpacked at all; never what a row says.
  const auto both = std::min(seen.rows.size(), pieces.rows.size());
  if (!std::equal(seen.rows.begin(), seen.rows.begin() + static_cast<std::ptrdiff_t>(both),
                  pieces.rows.begin()))
    std::abort();
  weir::json::Parser parser;
  for (const auto& row : seen.rows)
    if (!row.empty() && !parser.parse(row)) std::abort();
  return 0;
}
