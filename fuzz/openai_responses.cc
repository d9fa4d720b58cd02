// OpenAI's Responses API: its event stream, whole or in pieces whose size the first byte says, has one outcome; any bytes as a
// row or an answer give one or an error, never a negative usage; calls that were read are calls.
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
const weir::provider::Adapter& responses() {
  weir::provider::Settings settings;
  settings.set("api", "responses");
  return weir::providers::openAI::adapter().chosen_by(settings);
}

struct Outcome {
  std::string text;
  weir::Result<weir::llm::Response> response = weir::llm::Response{};
};

Outcome decode(std::string_view bytes, std::size_t piece) {
  const auto decoder = responses().stream_decoder();
  Outcome out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (!decoder->feed(bytes.substr(at, piece), out.text)) break;
  out.response = decoder->finish();
  return out;
}

void check(const weir::llm::Response& response) {
  WEIR_ASSERT(response.usage.input.count >= 0);
  WEIR_ASSERT(response.usage.output.count >= 0);
  if (const auto calls = responses().tool_calls(response))
    for (const auto& call : *calls) WEIR_ASSERT(!call.arguments_json.empty());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
  const auto pieces = decode(bytes, std::size_t{data[0]} + 1);
  WEIR_ASSERT(whole.text == pieces.text);
  WEIR_ASSERT(whole.response.has_value() == pieces.response.has_value());
  if (whole.response) check(*whole.response);
  else WEIR_ASSERT(whole.response.error().kind == pieces.response.error().kind);
  const auto answer =
      responses().decode_sync({.status = 200, .headers = {}, .body = std::string(bytes)}, {});
  if (answer) check(*answer);
  if (const auto row = responses().decode_row("output", bytes, {})) check(row->response);
  return 0;
}
