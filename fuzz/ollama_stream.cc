// Ollama's streamed and whole answers, any bytes in any chunks: never a crash, and the chunking changes nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::ollama {
const provider::Adapter& adapter();
}

namespace {

struct Outcome {
  std::optional<weir::llm::Response> response;
  weir::ErrorKind kind{};
};

Outcome decode(std::string_view bytes, std::size_t chunk) {
  Outcome out;
  const auto decoder = weir::providers::ollama::adapter().stream_decoder();
  std::string text;
  bool whole = true;
  for (std::size_t at = 0; whole && at < bytes.size(); at += chunk)
    whole = decoder->feed(bytes.substr(at, chunk), text).has_value();
  auto response = decoder->finish();
  if (response) out.response = *std::move(response);
  else out.kind = response.error().kind;
  return out;
}

}  // namespace

// The first byte is the size of the chunks, the rest is the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
  const Outcome cut = decode(bytes, std::size_t{data[0]} % 16 + 1);
  if (whole.kind != cut.kind || whole.response.has_value() != cut.response.has_value())
    std::abort();
  if (whole.response) {
    if (whole.response->text != cut.response->text) std::abort();
    if (whole.response->usage != cut.response->usage) std::abort();
    if (whole.response->tool_calls_json != cut.response->tool_calls_json) std::abort();
    if (whole.response->usage.prompt().count < 0) std::abort();
    const auto calls = providers::ollama::adapter().tool_calls(*whole.response);
    if (!calls && calls.error().kind != ErrorKind::kBadResponse) std::abort();
  }
  const auto refused = providers::ollama::adapter().decode_sync(
      {.status = 500, .headers = {}, .body = std::string(bytes)}, Time{});
  if (refused) std::abort();
  return 0;
}
