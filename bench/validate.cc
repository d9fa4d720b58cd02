// Reads a JSONL file once and validates every line, as the first step of any run does. Prints one line of JSON.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "json/lines.h"
#include "json/value.h"

namespace {
constexpr std::size_t kChunkBytes = 1U << 20;  // as src/bulk reads
constexpr std::size_t kLineBytesMax = 32U << 20;
}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: weir_bench_validate FILE\n");
    return 2;
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(argv[1], "rb"),
                                                             &std::fclose);
  if (!file) {
    std::perror(argv[1]);
    return 1;
  }
  weir::json::LineSplitter lines(kLineBytesMax);
  weir::json::Parser parser;
  std::uint64_t items = 0, broken = 0, bytes = 0;
  const auto validate = [&](const weir::json::LineSplitter::Line& line) {
    ++items;
    if (line.too_long || !parser.parse(line.bytes)) ++broken;
    return true;
  };
  std::string chunk(kChunkBytes, '\0');
  const auto started = std::chrono::steady_clock::now();
  while (const auto length = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    bytes += length;
    lines.feed(std::string_view(chunk).substr(0, length), validate);
  }
  lines.finish(validate);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  fmt::print(R"({{"items":{},"broken":{},"bytes":{},"seconds":{:.3f}}})"
             "\n",
             items, broken, bytes, seconds);
  return broken == 0 ? 0 : 1;
}
