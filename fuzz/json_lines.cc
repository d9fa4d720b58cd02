// LineSplitter, any bytes in any chunks: the same lines, and together they are the input.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "json/lines.h"

namespace {

struct Seen {
  std::string bytes;
  std::uint64_t number, offset, length;
  bool too_long;
  friend bool operator==(const Seen&, const Seen&) = default;
};

constexpr std::size_t kLineBytesMax = 64;

std::vector<Seen> split(std::string_view input, std::string_view sizes) {
  weir::json::LineSplitter splitter(kLineBytesMax);
  std::vector<Seen> lines;
  const auto keep = [&](const weir::json::LineSplitter::Line& line) {
    lines.push_back(
        {std::string(line.bytes), line.number, line.offset, line.length, line.too_long});
    return true;
  };
  for (std::size_t at = 0, turn = 0; at < input.size(); ++turn) {
    const std::size_t size = sizes.empty()
                                 ? input.size()
                                 : static_cast<unsigned char>(sizes[turn % sizes.size()]) % 80 + 1u;
    const auto chunk = input.substr(at, size);
    splitter.feed(chunk, keep);
    at += chunk.size();
  }
  splitter.finish(keep);
  if (splitter.consumed() != input.size()) std::abort();
  return lines;
}

void check_whole(std::string_view input, const std::vector<Seen>& lines) {
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    if (line.number != i + 1 || line.offset != next) std::abort();
    const auto end = std::min(input.find('\n', next), input.size());
    const auto raw = input.substr(next, end - next);
    if (line.too_long != (raw.size() > kLineBytesMax)) std::abort();
    if (!line.too_long && line.bytes != raw.substr(0, raw.size() - (raw.ends_with('\r') ? 1 : 0)))
      std::abort();
    next = end + 1;
  }
  if (next < input.size()) std::abort();
}

}  // namespace

// The first 4 bytes are the sizes of the chunks, in turn; the rest is the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto sizes = all.substr(0, 4);
  const auto input = all.substr(sizes.size());
  const auto lines = split(input, {});
  check_whole(input, lines);
  if (lines != split(input, sizes)) std::abort();
  return 0;
}
