#pragma once
// What `auto` would have made of requests that were left as they are (observe): by what their answers took, the catalogue's prices and the
// prefixes that they share. A cautious estimate: the cheapest of as it was, marked for the cache one by one, and by a batch without a
// cache. Thread-safe.
#include <optional>
#include <span>
#include <vector>

#include "catalogue/catalogue.h"
#include "library/hints.h"

namespace weir::library {

class Observer {
 public:
  /// Provider or model null: not in the catalogue, so nothing can be told.
  Observer(const catalogue::Provider* provider, const catalogue::Model* model, CacheConfig cache,
           double break_even);

  /// @param batch they came together and may wait. @param ttl how long a written prefix is taken to live.
  /// @return those that would have cost another price: that as `cost`, what they did cost as `baseline`.
  std::vector<Response> saw(std::span<const Request> requests,
                            std::span<const Result<Response>> responses, bool batch, Duration ttl,
                            Time now);

 private:
  Usage cached(const Request& request, const Usage& usage, Duration ttl, Time now);

  const catalogue::Provider* provider_;
  const catalogue::Model* model_;
  const CacheConfig cache_;
  PrefixMemory memory_;
};

}  // namespace weir::library
