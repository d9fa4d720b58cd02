#include "library/policy.h"

namespace weir::library {
namespace {

Strategy strategy_of(config::Strategy strategy) {
  switch (strategy) {
    case config::Strategy::kAuto: return Strategy::kAuto;
    case config::Strategy::kBatchOnly: return Strategy::kBatchOnly;
    case config::Strategy::kCacheOnly: return Strategy::kCacheOnly;
    case config::Strategy::kBoth: return Strategy::kBoth;
    case config::Strategy::kDisabled: return Strategy::kDisabled;
  }
  return Strategy::kAuto;
}

CacheStrategy cache_strategy_of(config::CacheStrategy strategy) {
  switch (strategy) {
    case config::CacheStrategy::kExplicit: return CacheStrategy::kExplicit;
    case config::CacheStrategy::kAutomatic: return CacheStrategy::kAutomatic;
    case config::CacheStrategy::kNone: return CacheStrategy::kNone;
  }
  return CacheStrategy::kNone;
}

plan::RouteWish wish_of(const Optimization& options, const Capabilities& capabilities,
                        catalogue::Stacking stacking) {
  if (!wants_batches(options) || !capabilities.batch) return plan::RouteWish::kSync;
  if (options.strategy == Strategy::kBatchOnly) return plan::RouteWish::kBatch;
  const bool apart = stacking == catalogue::Stacking::kNoCacheInBatch;
  const auto preferred =
      options.preference == Preference::kCache ? plan::RouteWish::kSync : plan::RouteWish::kBatch;
  if (options.strategy == Strategy::kBoth) return apart ? preferred : plan::RouteWish::kBatch;
  return apart && options.preference != Preference::kNone ? preferred : plan::RouteWish::kAuto;
}

}  // namespace

Optimization optimization_of(const config::ModelEntry& entry, const config::Workload* workload) {
  Optimization out{
      .provider = entry.provider,
      .batch = {.enabled = entry.batching_enabled,
                .max_batch_size = entry.batch_size_max,
                .timeout = entry.batch_timeout,
                .poll_interval_max = entry.batch_poll_interval},
      .cache = {.enabled = entry.caching_enabled,
                .ttl = entry.cache_ttl,
                .min_tokens = entry.cache_tokens_min.value_or(Tokens{0}),
                .max_breakpoints = static_cast<std::uint32_t>(entry.cache_breakpoints_max)},
      .strategy = strategy_of(entry.strategy),
      .fallback_to_standard = entry.fallback_to_standard,
      .fallback_timeout = entry.fallback_timeout};
  if (entry.cache_strategy) out.cache.strategy = cache_strategy_of(*entry.cache_strategy);
  auto preference = entry.preference;
  if (workload != nullptr) {
    out.workload = workload->name;
    if (workload->strategy) out.strategy = strategy_of(*workload->strategy);
    if (workload->preference) preference = workload->preference;
    if (workload->cache_ttl) out.cache.ttl = workload->cache_ttl;
    // A workload narrows the route: what is switched off stays so.
    if (workload->route == plan::RouteWish::kSync) out.batch.enabled = false;
    if (workload->route == plan::RouteWish::kBatch && out.batch.enabled)
      out.strategy = out.cache.enabled && out.strategy != Strategy::kBatchOnly
                         ? Strategy::kBoth
                         : Strategy::kBatchOnly;
  }
  if (preference)
    out.preference =
        *preference == config::Preference::kCache ? Preference::kCache : Preference::kBatch;
  return out;
}

bool wants_batches(const Optimization& options) {
  return options.batch.enabled && options.strategy != Strategy::kDisabled &&
         options.strategy != Strategy::kCacheOnly;
}

bool wants_caching(const Optimization& options) {
  return options.cache.enabled && options.strategy != Strategy::kDisabled &&
         options.strategy != Strategy::kBatchOnly;
}

namespace {
// What is asked for by name; unset is what pays.
plan::ContentWish contents_of(std::optional<CacheStrategy> strategy) {
  if (!strategy) return plan::ContentWish::kAuto;
  return *strategy == CacheStrategy::kExplicit ? plan::ContentWish::kPrefer
                                               : plan::ContentWish::kNever;
}
}  // namespace

JobPolicy policy_of(const Optimization& options, const Capabilities& capabilities,
                    catalogue::Stacking stacking) {
  // `automatic` leaves a model that caches nothing by itself alone.
  const auto strategy = options.cache.strategy.value_or(capabilities.cache);
  const bool left_alone =
      strategy == CacheStrategy::kNone ||
      (strategy == CacheStrategy::kAutomatic && capabilities.cache == CacheStrategy::kExplicit);
  JobPolicy out{.wish = wish_of(options, capabilities, stacking),
                .caching = wants_caching(options) && !left_alone,
                .contents = contents_of(options.cache.strategy),
                .fallback = options.fallback_to_standard,
                .batch_timeout = options.batch.timeout,
                .fallback_timeout = options.fallback_timeout,
                .limits = {.batch_size_max = options.batch.max_batch_size,
                           .poll_max = options.batch.poll_interval_max,
                           .cache_prefix_min = options.cache.min_tokens,
                           .breakpoints_max = options.cache.max_breakpoints}};
  if (options.cache.ttl) out.limits.cache_ttl = *options.cache.ttl;
  return out;
}

}  // namespace weir::library
