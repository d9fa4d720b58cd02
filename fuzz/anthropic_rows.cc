// Result rows of Anthropic's message batches, any bytes: never a crash, and what is accepted can be
// settled.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "providers/anthropic/rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Outcome = weir::provider::Row::Outcome;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto row = weir::providers::anthropic::decode_result_row(line);
  if (!row) return 0;
  const auto& usage = row->response.usage;
  if (usage.prompt().count < 0 || usage.output.count < 0) std::abort();
  if (row->outcome == Outcome::kSucceeded && row->response.usage_raw.empty()) std::abort();
  if (row->outcome == Outcome::kErrored && row->error.message.empty()) std::abort();
  return 0;
}
