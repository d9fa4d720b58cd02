#include "plan/limits.h"

#include <algorithm>

namespace weir::plan {

std::optional<llm::CacheTtl> rounded_up(const catalogue::CacheLimits& limits, Duration wish) {
  const auto has = [&](llm::CacheTtl ttl) {
    return std::ranges::find(limits.ttls, ttl) != limits.ttls.end();
  };
  if (wish > std::chrono::minutes(5) && has(llm::CacheTtl::k1h)) return llm::CacheTtl::k1h;
  if (has(llm::CacheTtl::k5m)) return llm::CacheTtl::k5m;
  return std::nullopt;
}

catalogue::Provider narrowed(const catalogue::Provider& provider, const Limits& limits) {
  auto out = provider;
  if (out.batch) {
    auto& batch = *out.batch;
    const auto least = std::max<std::uint64_t>(batch.requests_min, 1);
    batch.requests_max = std::min(batch.requests_max, std::max(limits.batch_size_max, least));
    batch.poll_max = limits.poll_max.value_or(batch.poll_max);
    batch.poll_min = std::min(batch.poll_min, batch.poll_max);
  }
  auto& cache = out.cache;
  cache.breakpoints_max = std::min(cache.breakpoints_max, limits.breakpoints_max);
  if (!limits.cache_ttl) return out;
  const auto ttl = rounded_up(cache, *limits.cache_ttl);
  if (ttl == llm::CacheTtl::k1h) {
    cache.sync_mark = cache.batch_mark = llm::CacheTtl::k1h;
    cache.sync_ttl = cache.batch_ttl = std::chrono::hours(1);
  } else if (ttl == llm::CacheTtl::k5m) {
    cache.sync_mark = cache.batch_mark = llm::CacheTtl::k5m;
    cache.sync_ttl = cache.batch_ttl = std::chrono::minutes(5);
  }
  return out;
}

catalogue::Model narrowed(const catalogue::Model& model, const Limits& limits) {
  auto out = model;
  if (out.cache_prefix_min)
    out.cache_prefix_min = std::max(*out.cache_prefix_min, limits.cache_prefix_min);
  return out;
}

}  // namespace weir::plan
