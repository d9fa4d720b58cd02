#include <fmt/format.h>

#include <algorithm>

#include "cost/pricing.h"
#include "library/price.h"
#include "weir/optimize.h"

namespace weir {
namespace {

// Immutable; made at the first use. Null where the data built in cannot be read, which a test excludes.
const catalogue::Catalogue* built_in() {
  static const auto kCatalogue = catalogue::Catalogue::built_in();
  return kCatalogue ? &*kCatalogue : nullptr;
}

CacheStrategy strategy_of(catalogue::CacheMode mode) {
  switch (mode) {
    case catalogue::CacheMode::kNone: return CacheStrategy::kNone;
    case catalogue::CacheMode::kAutomatic: return CacheStrategy::kAutomatic;
    case catalogue::CacheMode::kBreakpoints: return CacheStrategy::kExplicit;
  }
  return CacheStrategy::kNone;
}

}  // namespace

std::string_view to_string(CacheStrategy strategy) {
  switch (strategy) {
    case CacheStrategy::kExplicit: return "explicit";
    case CacheStrategy::kAutomatic: return "automatic";
    case CacheStrategy::kNone: return "none";
  }
  return "none";
}

Capabilities capabilities(std::string_view provider, std::string_view model) {
  Capabilities out;
  const auto* catalogue = built_in();
  const auto* known = catalogue != nullptr ? catalogue->find(provider) : nullptr;
  if (known == nullptr || known->find_embedding(model) != nullptr) return out;
  const auto* priced = known->find(model);
  if (known->batch && (priced == nullptr || priced->batch)) {
    out.batch = true;
    out.batch_requests_max = known->batch->requests_max;
  }
  // Of a model that is not in the catalogue: what the provider's models have in common.
  const auto mode = [&] {
    if (priced != nullptr) return priced->cache;
    return known->models.empty() ? catalogue::CacheMode::kNone : known->models.front().cache;
  }();
  out.cache = strategy_of(mode);
  if (out.cache == CacheStrategy::kExplicit)
    out.cache_breakpoints_max = static_cast<std::uint32_t>(known->cache.breakpoints_max);
  if (priced != nullptr && priced->cache_prefix_min)
    out.cache_prefix_min = *priced->cache_prefix_min;
  for (const auto ttl : known->cache.ttls) {
    if (ttl == llm::CacheTtl::k5m) out.cache_ttls.push_back(std::chrono::minutes(5));
    if (ttl == llm::CacheTtl::k1h) out.cache_ttls.push_back(std::chrono::hours(1));
  }
  std::ranges::sort(out.cache_ttls);
  return out;
}

Result<Money> library::price(const Usage& usage, std::string_view provider, std::string_view model,
                             Route route, Time at) {
  const auto* catalogue = built_in();
  if (catalogue == nullptr)
    return fail(ErrorKind::kInternal, "the built-in catalogue cannot be read");
  const auto* known = catalogue->find(provider);
  const bool embeds = known != nullptr && known->find_embedding(model) != nullptr;
  WEIR_TRY(const auto found, catalogue::resolve(*catalogue, fmt::format("{}/{}", provider, model),
                                                embeds ? catalogue::ModelKind::kEmbedding
                                                       : catalogue::ModelKind::kChat));
  return cost::cost_of(usage, found.model->price_at(at), route);
}

}  // namespace weir
