#include "plan/prefix_settings.h"

#include <algorithm>

#include "cost/pricing.h"

namespace weir::plan {
namespace {

using catalogue::CacheMode;
using catalogue::Stacking;
using llm::CacheTtl;
using llm::Route;
using namespace std::chrono_literals;

// OpenAI's automatic cache hits in steps of 128 tokens: https://developers.openai.com/api/docs/guides/prompt-caching (checked 2026-11-23).
constexpr std::uint32_t kAutomaticStepTokens = 128;

// Enough for thousands of writers to be ahead of their readers, few enough to be done within the TTL.
constexpr std::uint32_t kBatchWindowItems = 8192;

bool reaches(const catalogue::Model& model, Route route) {
  if (model.cache == CacheMode::kNone) return false;
  return route == Route::kSync ||
         (model.stacking != Stacking::kNoCacheInBatch &&
          model.stacking != Stacking::kBatchRateOnly && model.stacking != Stacking::kUnknown);
}

Duration life_of(const catalogue::CacheLimits& limits, Route route, CacheTtl ttl) {
  if (ttl == CacheTtl::k5m) return 5min;
  if (ttl == CacheTtl::k1h) return 1h;
  return route == Route::kBatch ? limits.batch_ttl : limits.sync_ttl;
}

}  // namespace

PrefixSettings settings_for(const catalogue::Provider& provider, const catalogue::Model& model,
                            Route route, Time now, std::optional<double> batch_hit_rate) {
  const auto& row = model.price_at(now);
  const auto& rates = route == Route::kBatch ? row.batch : row.sync;
  const auto& limits = provider.cache;
  PrefixSettings out;
  out.route = route;
  out.input = rates.input;
  out.read = cost::read_price(rates);
  out.writes_charged = model.automatic_writes_charged;
  out.prefix_min = model.cache_prefix_min.value_or(Tokens{1024});
  out.breakpoints_max = static_cast<std::uint32_t>(limits.breakpoints_max);
  if (route == Route::kBatch) out.window_items = kBatchWindowItems;
  if (!reaches(model, route)) return out;
  out.mode = model.cache;
  const double hit_rate =
      std::clamp(route == Route::kSync ? limits.sync_hit_rate_expected
                                       : batch_hit_rate.value_or(limits.batch_hit_rate_expected),
                 0.0, 1.0);
  const auto own = route == Route::kBatch ? limits.batch_mark : limits.sync_mark;
  if (model.cache == CacheMode::kAutomatic) {
    out.step_tokens = kAutomaticStepTokens;
    out.ttls.push_back({own, life_of(limits, route, own), rates.input, hit_rate});
    return out;
  }
  // Without a named TTL the provider's rule is its own: only what is marked is looked for.
  if (limits.ttls.empty()) out.lookback_blocks = 1;
  const auto offer = [&](CacheTtl ttl) {
    out.ttls.push_back({ttl, life_of(limits, route, ttl), cost::write_price(rates, ttl), hit_rate});
  };
  offer(own);
  // In a batch nobody knows how far two requests of a prefix are apart, so only the TTL meant for it is offered.
  if (route == Route::kSync)
    for (const auto ttl : limits.ttls)
      if (ttl != own) offer(ttl);
  return out;
}

double break_even(const PrefixSettings& settings, const TtlOption& option) {
  const auto write = static_cast<double>(option.write.pico_per_token);
  const auto input = static_cast<double>(settings.input.pico_per_token);
  const auto read = static_cast<double>(settings.read.pico_per_token);
  return write > read ? std::max(0.0, (write - input) / (write - read)) : 0;
}

}  // namespace weir::plan
