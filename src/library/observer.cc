#include "library/observer.h"

#include <algorithm>

#include "cost/pricing.h"
#include "library/job_meta.h"

namespace weir::library {
namespace {

Tokens& written_bucket(Usage& usage, llm::CacheTtl ttl) {
  if (ttl == llm::CacheTtl::k5m) return usage.cache_write_5m;
  if (ttl == llm::CacheTtl::k1h) return usage.cache_write_1h;
  return usage.cache_write;
}

}  // namespace

Observer::Observer(const catalogue::Provider* provider, const catalogue::Model* model,
                   CacheConfig cache, double break_even)
    : provider_(provider), model_(model), cache_(cache), memory_(break_even) {}

// The same tokens, had the prefix been marked: written the first time, read as long as it lives.
Usage Observer::cached(const Request& request, const Usage& usage, Duration ttl, Time now) {
  // What the caller, or the provider by itself, has cached already is nothing that we would add.
  if (model_->cache != catalogue::CacheMode::kBreakpoints ||
      usage.cache_read.count + usage.written().count > 0)
    return usage;
  const auto prefix = prefix_bytes(request), all = request_bytes(request);
  if (prefix == 0) return usage;
  // Tokens are only known of the whole: a prefix has its share of them.
  const Tokens tokens{static_cast<std::int64_t>(static_cast<double>(usage.input.count) *
                                                static_cast<double>(prefix) /
                                                static_cast<double>(all))};
  if (tokens < std::max(cache_.min_tokens, model_->cache_prefix_min.value_or(Tokens{0})))
    return usage;
  const auto look = memory_.look(prefix_of(request), now, ttl);
  if (!look.marks) return usage;
  memory_.saw(look.lately);
  auto mark = provider_->cache.sync_mark;
  if (cache_.ttl) mark = plan::rounded_up(provider_->cache, *cache_.ttl).value_or(mark);
  Usage out = usage;
  out.input = usage.input - tokens;
  (look.lately ? out.cache_read : written_bucket(out, mark)) += tokens;
  return out;
}

std::vector<Response> Observer::saw(std::span<const Request> requests,
                                    std::span<const Result<Response>> responses, bool batch,
                                    Duration ttl, Time now) {
  std::vector<Response> out;
  if (provider_ == nullptr || model_ == nullptr) return out;
  const auto& prices = model_->price_at(now);
  MoneySum one_by_one, as_batch;
  std::vector<Money> batched;
  for (std::size_t i = 0; i < responses.size() && i < requests.size(); ++i) {
    if (!responses[i]) continue;
    Response told = *responses[i];
    told.baseline = cost::cost_of(told.usage, prices, told.route);
    told.cost = cost::cost_of(cached(requests[i], told.usage, ttl, now), prices, told.route);
    batched.push_back(cost::uncached_cost_of(told.usage, prices, Route::kBatch));
    one_by_one += told.cost;
    as_batch += batched.back();
    out.push_back(std::move(told));
  }
  if (batch && model_->batch && provider_->batch && as_batch < one_by_one)
    for (std::size_t i = 0; i < out.size(); ++i) out[i].cost = batched[i];
  std::erase_if(out, [](const Response& told) { return told.cost == told.baseline; });
  return out;
}

}  // namespace weir::library
