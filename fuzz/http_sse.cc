// The SSE parser, any bytes in any chunks: the same events and the same errors, within the bound.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/sse.h"

namespace {
using namespace weir;

constexpr std::size_t kEventBytesMax = 256;

struct Outcome {
  std::vector<std::pair<std::string, std::string>> events;
  bool failed = false, partial = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome parse(std::string_view stream, std::size_t chunk, std::size_t bytes_max = kEventBytesMax) {
  http::SseParser parser(bytes_max);
  Outcome out;
  for (std::size_t at = 0; at < stream.size() && !out.failed; at += chunk) {
    const auto fed = parser.feed(stream.substr(at, chunk), [&](http::SseEvent&& event) {
      out.events.emplace_back(std::move(event.name), std::move(event.data));
    });
    out.failed = !fed;
  }
  out.partial = !out.failed && parser.partial();
  return out;
}

}  // namespace

// The first byte is the size of the chunks, the rest is the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = parse(stream, stream.size() + 1);
  if (whole != parse(stream, std::size_t{data[0]} % 16 + 1)) std::abort();
  std::string written;
  for (const auto& [name, text] : whole.events) {
    if (name.size() + text.size() > 2 * kEventBytesMax) std::abort();
    if (name.find_first_of("\r\n") != std::string::npos) std::abort();
    if (text.find('\r') != std::string::npos) std::abort();
    written += http::sse_text(name, text);
  }
  // What we write, we read. The bound counts field names and spaces as well, and we write a space that the
  // stream may not have had.
  if (parse(written, written.size() + 1, 3 * kEventBytesMax).events != whole.events) std::abort();
  return 0;
}
