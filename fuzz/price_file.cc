// The community price file and overlays of any bytes: never a crash; what is read makes an overlay that the catalogue takes, after
// which the two agree.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "catalogue/catalogue.h"
#include "catalogue/community.h"

namespace {
using namespace weir;

void must(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto built_in = *catalogue::Catalogue::built_in();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto overlaid = built_in;
  must(overlaid.overlay("f", text).has_value() || overlaid.providers().size() > 0);
  auto prices = catalogue::read_community_prices(text);
  if (!prices) return 0;
  // A repeated model has two prices, of which the last wins; a provider may not be built in; a name may be empty.
  std::erase_if(prices->rows, [&](const auto& row) {
    return built_in.find(row.provider) == nullptr || row.model.empty();
  });
  if (prices->rows.size() > 1) prices->rows.resize(1);
  auto catalogue = built_in;
  const auto done = catalogue.overlay("f", overlay_json(*prices, "fuzz", "2026-11-27"));
  must(done.has_value());
  for (const auto& difference : price_differences(catalogue, *prices, Time{}))
    must(difference.column == "batch_input" || difference.column == "batch_output" ||
         difference.column == "cache_write");
  return 0;
}
