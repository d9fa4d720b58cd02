// Anthropic's streamed answers, any bytes in any chunks: never a crash, and the chunking changes
// nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "provider/anthropic_dialect.h"

namespace {

struct Outcome {
  std::string text;
  std::optional<weir::llm::Response> response;
  weir::ErrorKind kind{};
};

weir::Error error_of(const weir::provider::anthropic_dialect::WireError& wire) {
  return {.kind = weir::ErrorKind::kUnavailable, .message = wire.message};
}

Outcome decode(std::string_view bytes, std::size_t chunk) {
  Outcome out;
  const auto decoder = weir::provider::anthropic_dialect::make_stream_decoder(&error_of);
  bool whole = true;
  for (std::size_t at = 0; whole && at < bytes.size(); at += chunk)
    whole = decoder->feed(bytes.substr(at, chunk), out.text).has_value();
  auto response = decoder->finish();
  if (response) out.response = *std::move(response);
  else out.kind = response.error().kind;
  return out;
}

}  // namespace

// The first byte is the size of the chunks, the rest is the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
  const Outcome cut = decode(bytes, std::size_t{data[0]} % 16 + 1);
  if (whole.text != cut.text || whole.kind != cut.kind) std::abort();
  if (whole.response.has_value() != cut.response.has_value()) std::abort();
  if (!whole.response) return 0;
  // Blocks that a broken provider mixes are told in order of arrival and joined in order of blocks.
  if (whole.response->text.size() != whole.text.size()) std::abort();
  if (whole.response->text != cut.response->text) std::abort();
  if (whole.response->usage != cut.response->usage) std::abort();
  if (whole.response->tool_calls_json != cut.response->tool_calls_json) std::abort();
  return 0;
}
