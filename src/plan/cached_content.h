#pragma once
// Whether a cached content pays: an object that holds the head of many requests, costs its tokens once and by the hour, and makes
// each request that names it cheaper. Pure arithmetic over numbers; sums are exact, costs rounded up and savings down.
#include <cstdint>
#include <string>

#include "base/time.h"
#include "base/units.h"

namespace weir::plan {

/// Whether cached contents are made for the requests of the sync route, at providers that have them.
enum class ContentWish : std::uint8_t {
  kNever,
  kAuto,   // where they save more than the automatic cache is expected to
  kPrefer  // where they save more than no cache at all would
};

struct ContentInput {
  Tokens tokens;                 // that it would hold, or holds
  Tokens tokens_min;             // the provider makes none with fewer
  std::uint64_t reads = 0;       // requests that would name it, from now on
  Duration reads_take{};         // …and how long until the last of them
  double implicit_hit_rate = 0;  // of them would find the head in the automatic cache anyway
  Price input, read;             // of one token
  Price storage_hour;            // of one token for an hour
};

struct ContentPlan {
  bool pays = false;
  Duration ttl{};         // to ask for: whole seconds
  MoneySum saves, costs;  // against the same requests without it
  std::string reason;     // the arithmetic, for people
};

/// Without an extension nothing lives longer after a death: the backstop is short, and extended while it pays.
inline constexpr std::chrono::minutes kContentTtlMin{5};
inline constexpr std::chrono::minutes kContentTtlMax{60};

/// Whether to make one. It is taken to be kept for as long as the reads take, and at least for its TTL, as if nobody deleted it.
ContentPlan plan_content(const ContentInput& input);
/// Whether to keep the one that there is, from now on, for the reads that are left. Its tokens are paid.
ContentPlan plan_extension(const ContentInput& input);
/// Whether it is time to ask: what is left of its life does not last for the reads, and is short.
bool extension_due(Duration left, Duration ttl, Duration reads_take);

}  // namespace weir::plan
