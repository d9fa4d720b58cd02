#pragma once
// What narrows a provider's capabilities: a configuration, an Optimization, flags. Whoever plans a job plans by what is left. Pure.
#include <cstdint>
#include <limits>
#include <optional>

#include "base/time.h"
#include "catalogue/catalogue.h"

namespace weir::plan {

/// As it stands, it narrows nothing.
struct Limits {
  std::uint64_t batch_size_max = std::numeric_limits<std::uint64_t>::max();
  std::optional<Duration> poll_max;  // between two looks at a batch; unset: the provider's
  Tokens cache_prefix_min{0};        // the larger of the model's and this
  std::uint64_t breakpoints_max = std::numeric_limits<std::uint64_t>::max();
  std::optional<Duration> cache_ttl;  // unset: the provider's
  friend bool operator==(const Limits&, const Limits&) = default;
};

/// The lifetime of the provider's that a wish is rounded up to; its longest where none is as long; nothing where a mark names none.
std::optional<llm::CacheTtl> rounded_up(const catalogue::CacheLimits& limits, Duration wish);
/// What is left within the limits. Batches never become smaller than the provider takes them.
catalogue::Provider narrowed(const catalogue::Provider& provider, const Limits& limits);
catalogue::Model narrowed(const catalogue::Model& model, const Limits& limits);

}  // namespace weir::plan
