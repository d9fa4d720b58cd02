#pragma once
// Where a single request is marked for the provider's cache, and when marking stops because nobody reads what is written.
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "weir/optimize.h"

namespace weir::library {

/// The request with a hint on its last system text and, where they come first and are long enough by themselves, its last tool; as it
/// was, where the caller set hints of their own or the prefix is too short. @return how many hints were added.
std::uint32_t add_hints(Request& request, const CacheConfig& config,
                        const Capabilities& capabilities);

/// Remembers for a model whether marked prefixes are read again. Thread-safe; bounded.
class PrefixMemory {
 public:
  /// A prefix that is marked costs a premium unless it is read: below this share of reads, only prefixes seen lately are marked.
  explicit PrefixMemory(double break_even) : break_even_(break_even) {}
  struct Look {
    bool marks = false;   // this request's prefix is worth a mark now
    bool lately = false;  // it was sent within the TTL
  };
  Look look(std::uint64_t prefix, Time now, Duration ttl);
  void saw(bool hit);
  /// Of late; nothing before there are enough to tell.
  std::optional<double> rate();

 private:
  static constexpr std::size_t kPrefixesMax = 4096;
  const double break_even_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Time> seen_;  // when it was last sent
  double due_ = 0, hits_ = 0;                     // decayed
};

/// Of tools and system texts; of everything that is sent as text.
std::uint64_t prefix_bytes(const Request& request);
std::uint64_t request_bytes(const Request& request);

/// Tells prefixes apart: everything up to the end of the system texts.
std::uint64_t prefix_of(const Request& request);

}  // namespace weir::library
