#include "cost/pricing.h"

#include <algorithm>
#include <limits>

namespace weir::cost {
namespace {
// Providers wrap a prompt in tokens of their own (roles, tool and schema scaffolding): a bound on those.
constexpr std::int64_t kScaffoldTokensMax = 2000;
}  // namespace

Price read_price(const catalogue::Rates& rates) { return rates.cache_read.value_or(rates.input); }

Price write_price(const catalogue::Rates& rates, llm::CacheTtl ttl) {
  switch (ttl) {
    case llm::CacheTtl::k5m: return rates.cache_write_5m.value_or(rates.input);
    case llm::CacheTtl::k1h: return rates.cache_write_1h.value_or(rates.input);
    case llm::CacheTtl::kDefault: return rates.cache_write.value_or(rates.input);
  }
  return rates.input;
}

const catalogue::Rates& rates_for(const catalogue::PriceRow& row, llm::Route route, Tokens prompt) {
  const bool batch = route == llm::Route::kBatch;
  if (row.long_threshold && prompt > *row.long_threshold)
    return batch ? row.long_batch : row.long_sync;
  return batch ? row.batch : row.sync;
}

Money cost_of(const llm::Usage& usage, const catalogue::PriceRow& row, llm::Route route) {
  const auto& rates = rates_for(row, route, usage.prompt());
  return usage.input * rates.input + usage.cache_read * read_price(rates) +
         usage.cache_write_5m * write_price(rates, llm::CacheTtl::k5m) +
         usage.cache_write_1h * write_price(rates, llm::CacheTtl::k1h) +
         usage.cache_write * write_price(rates, llm::CacheTtl::kDefault) +
         usage.output * rates.output;
}

Money uncached_cost_of(const llm::Usage& usage, const catalogue::PriceRow& row, llm::Route route) {
  const auto& rates = rates_for(row, route, usage.prompt());
  return usage.prompt() * rates.input + usage.output * rates.output;
}

Money storage_cost(Tokens tokens, std::chrono::seconds kept, Price hour) {
  constexpr __int128 kHour = 3600;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  // A token-second more than a sum of 64 bits can hold is dearer than any job.
  const __int128 token_seconds = static_cast<__int128>(std::max<std::int64_t>(tokens.count, 0)) *
                                 std::max<std::int64_t>(kept.count(), 0);
  if (token_seconds > kMost) return {kMost};
  const auto pico = (token_seconds * hour.pico_per_token * 2 + kHour) / (2 * kHour);
  return {pico < kMost ? static_cast<std::int64_t>(pico) : kMost};
}

Money ceiling_of(std::uint64_t prompt_bytes, Tokens output_max, const catalogue::PriceRow& row,
                 llm::Route route) {
  const Tokens prompt{static_cast<std::int64_t>(prompt_bytes) + kScaffoldTokensMax};
  const auto& rates = rates_for(row, route, prompt);
  const auto dearest = std::max({rates.input, write_price(rates, llm::CacheTtl::k5m),
                                 write_price(rates, llm::CacheTtl::k1h),
                                 write_price(rates, llm::CacheTtl::kDefault)});
  return prompt * dearest + output_max * rates.output;
}

}  // namespace weir::cost
