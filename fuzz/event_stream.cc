// Event streams, any bytes in any chunks: never a crash, and the chunking changes nothing; Bedrock's stream decoder behind it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/event_stream.h"
#include "provider/adapter.h"

namespace weir::providers::bedrock {
const provider::Adapter& adapter();
}

namespace {

struct Parsed {
  std::string all;
  bool bad = false;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

Parsed parse(std::string_view bytes, std::size_t chunk) {
  Parsed out;
  weir::http::EventStreamParser parser(1 << 16);
  for (std::size_t at = 0; !out.bad && at < bytes.size(); at += chunk)
    out.bad = !parser.feed(bytes.substr(at, chunk), [&](weir::http::EventMessage&& message) {
      for (const auto& [name, value] : message.headers) out.all += name + "=" + value + "\n";
      out.all += message.payload + "\n";
    });
  return out;
}

std::optional<weir::llm::Response> decode(std::string_view bytes, std::size_t chunk) {
  const auto decoder = weir::providers::bedrock::adapter().stream_decoder();
  std::string text;
  bool whole = true;
  for (std::size_t at = 0; whole && at < bytes.size(); at += chunk)
    whole = decoder->feed(bytes.substr(at, chunk), text).has_value();
  auto response = decoder->finish();
  if (!response) return std::nullopt;
  return *std::move(response);
}

}  // namespace

// The first byte is the size of the chunks, the rest is the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t all = std::max<std::size_t>(bytes.size(), 1),
                    cut = std::size_t{data[0]} % 16 + 1;
  if (parse(bytes, all) != parse(bytes, cut)) std::abort();
  const auto whole = decode(bytes, all), pieces = decode(bytes, cut);
  if (whole.has_value() != pieces.has_value()) std::abort();
  if (!whole) return 0;
  if (whole->text != pieces->text || whole->usage != pieces->usage) std::abort();
  if (whole->tool_calls_json != pieces->tool_calls_json || whole->usage.prompt().count < 0)
    std::abort();
  const auto calls = weir::providers::bedrock::adapter().tool_calls(*whole);
  if (!calls && calls.error().kind != weir::ErrorKind::kBadResponse) std::abort();
  return 0;
}
