#pragma once
// Retry is decided here and nowhere else: from the error's kind and from whether the operation may be repeated.
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

namespace weir::engine {

/// Whether the same request may succeed later.
bool retryable(ErrorKind kind);
/// Tries of one item that reached a provider, unless a job says another number: the first and three more.
inline constexpr std::uint32_t kAttemptsMax = 4;
/// Answers "too many requests" are waited out, but not for ever.
inline constexpr std::uint32_t kRateLimitedMax = 100;
/// How often an item that never ran is planned into another batch before it goes by the standard API.
inline constexpr std::uint32_t kReplansMax = 2;

/// Doubling from one second to a minute with full jitter in its upper half; the provider's retry-after wins when it is longer.
Duration backoff(std::uint32_t attempts, const Error& error, Random& random);

}  // namespace weir::engine
