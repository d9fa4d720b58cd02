// Result rows of xAI: any bytes give a row or kBadResponse, and usage is never negative.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::xai {
const provider::Adapter& adapter();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto& adapter = providers::xai::adapter();
  if (const auto row = adapter.decode_row("results", bytes, Time{})) {
    WEIR_ASSERT(!row->custom_id.empty());
    WEIR_ASSERT(row->response.usage.prompt().count >= 0);
    WEIR_ASSERT(row->response.usage.output.count >= 0);
  } else {
    WEIR_ASSERT(row.error().kind == ErrorKind::kBadResponse);
  }
  return 0;
}
