// OpenAI's event stream: whole, or in pieces whose size the first byte says, the outcome is the
// same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::openAI {
const provider::Adapter& adapter();
}

namespace {
struct Outcome {
  std::string text;
  weir::Result<weir::llm::Response> response = weir::llm::Response{};
};

Outcome decode(std::string_view bytes, std::size_t piece) {
  const auto decoder = weir::providers::openAI::adapter().stream_decoder();
  Outcome out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (!decoder->feed(bytes.substr(at, piece), out.text)) break;
  out.response = decoder->finish();
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
  const auto pieces = decode(bytes, std::size_t{data[0]} + 1);
  WEIR_ASSERT(whole.text == pieces.text);
  WEIR_ASSERT(whole.response.has_value() == pieces.response.has_value());
  if (whole.response) {
    WEIR_ASSERT(whole.response->text == pieces.response->text);
    WEIR_ASSERT(whole.response->usage == pieces.response->usage);
    WEIR_ASSERT(whole.response->tool_calls_json == pieces.response->tool_calls_json);
  } else {
    WEIR_ASSERT(whole.response.error().kind == pieces.response.error().kind);
  }
  return 0;
}
