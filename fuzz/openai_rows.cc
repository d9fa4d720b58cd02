// Result rows and whole answers of OpenAI: any bytes give a row or kBadResponse, and usage is never
// negative.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::openAI {
const provider::Adapter& adapter();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto& adapter = providers::openAI::adapter();
  if (const auto row = adapter.decode_row("output", bytes, Time{})) {
    WEIR_ASSERT(!row->custom_id.empty());
    WEIR_ASSERT(row->response.usage.input.count >= 0);
    WEIR_ASSERT(row->response.usage.prompt().count >= 0);
    WEIR_ASSERT(row->response.usage.output.count >= 0);
  } else {
    WEIR_ASSERT(row.error().kind == ErrorKind::kBadResponse);
  }
  const auto answer =
      adapter.decode_sync({.status = 200, .headers = {}, .body = std::string(bytes)}, Time{});
  // A response object may tell an error of its own, with 200.
  WEIR_ASSERT(answer || answer.error().kind == ErrorKind::kBadResponse ||
              bytes.contains("response") || bytes.contains("\\u"));
  const auto refused =
      adapter.decode_sync({.status = 400, .headers = {}, .body = std::string(bytes)}, Time{});
  WEIR_ASSERT(!refused);
  return 0;
}
