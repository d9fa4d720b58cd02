// Rows, whole answers, errors and streams of Cohere: any bytes give a value or kBadResponse, usage is never negative, and a
// stream is the same whole and in pieces whose size the first byte says.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::cohere {
const provider::Adapter& adapter();
}

namespace {
using namespace weir;

void check(const llm::Response& response) {
  WEIR_ASSERT(response.usage.input.count >= 0);
  WEIR_ASSERT(response.usage.cache_read.count >= 0);
  WEIR_ASSERT(response.usage.output.count >= 0);
  const auto calls = providers::cohere::adapter().tool_calls(response);
  WEIR_ASSERT(calls || calls.error().kind == ErrorKind::kBadResponse);
}

struct Outcome {
  std::string text;
  Result<llm::Response> response = llm::Response{};
};
Outcome decode(std::string_view bytes, std::size_t piece) {
  const auto decoder = providers::cohere::adapter().stream_decoder();
  Outcome out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (!decoder->feed(bytes.substr(at, piece), out.text)) break;
  out.response = decoder->finish();
  return out;
}

void check_stream(std::string_view bytes, std::size_t piece) {
  const auto whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
  const auto pieces = decode(bytes, piece);
  WEIR_ASSERT(whole.text == pieces.text);
  WEIR_ASSERT(whole.response.has_value() == pieces.response.has_value());
  if (!whole.response) {
    WEIR_ASSERT(whole.response.error().kind == pieces.response.error().kind);
    return;
  }
  WEIR_ASSERT(whole.response->text == pieces.response->text);
  WEIR_ASSERT(whole.response->usage == pieces.response->usage);
  WEIR_ASSERT(whole.response->tool_calls_json == pieces.response->tool_calls_json);
  check(*whole.response);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto& adapter = providers::cohere::adapter();
  if (const auto row = adapter.decode_row("part-0", bytes, Time{})) {
    WEIR_ASSERT(!row->custom_id.empty());
    check(row->response);
  } else {
    WEIR_ASSERT(row.error().kind == ErrorKind::kBadResponse);
  }
  const auto answer =
      adapter.decode_sync({.status = 200, .headers = {}, .body = std::string(bytes)}, Time{});
  WEIR_ASSERT(answer || answer.error().kind == ErrorKind::kBadResponse);
  if (answer) check(*answer);
  const auto refused =
      adapter.decode_sync({.status = 429, .headers = {}, .body = std::string(bytes)}, Time{});
  WEIR_ASSERT(!refused);
  WEIR_ASSERT(refused.error().retry_after.value_or(std::chrono::milliseconds(0)).count() >= 0);
  check_stream(bytes, std::size_t{data[0]} + 1);
  return 0;
}
