#include "engine/retry.h"

#include <algorithm>

namespace weir::engine {

bool retryable(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kRateLimited:
    case ErrorKind::kUnavailable:
    case ErrorKind::kDeadlineExceeded:
    case ErrorKind::kBadResponse: return true;
    case ErrorKind::kInvalidArgument:
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kNotFound:
    case ErrorKind::kUnsupported:
    case ErrorKind::kCancelled:
    case ErrorKind::kInternal: return false;
  }
  return false;
}

Duration backoff(std::uint32_t attempts, const Error& error, Random& random) {
  const Duration ceiling =
      std::chrono::seconds(std::int64_t{1} << std::min<std::uint32_t>(attempts, 6));
  const auto half = std::min<Duration>(ceiling, std::chrono::seconds(60)).count() / 2;
  const Duration wait(
      half + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(half) + 1)));
  return error.retry_after ? std::max<Duration>(wait, *error.retry_after) : wait;
}

}  // namespace weir::engine
