// Statistics of cache hits, as a store may bring them back: what is read can be written and read again, and tells rates between 0 and 1.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plan/prefix_stats.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto stats = plan::PrefixStats::parse(text);
  if (!stats) return 0;
  const auto again = plan::PrefixStats::parse(stats->to_text());
  WEIR_ASSERT(again.has_value());
  const plan::PrefixStats::Key key{.account = "a", .model = "m", .prefix = size};
  const Time now = from_unix_seconds(1'795'392'000);
  stats->observe(key, size, 2 * size + 1, now);
  const double rate = stats->expected(key, 0.7, now).mean();
  WEIR_ASSERT(rate >= 0);
  WEIR_ASSERT(rate <= 1);
  return 0;
}
