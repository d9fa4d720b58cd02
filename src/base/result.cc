#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument: return "invalid_argument";
    case ErrorKind::kUnauthenticated: return "unauthenticated";
    case ErrorKind::kRateLimited: return "rate_limited";
    case ErrorKind::kUnavailable: return "unavailable";
    case ErrorKind::kDeadlineExceeded: return "deadline_exceeded";
    case ErrorKind::kNotFound: return "not_found";
    case ErrorKind::kUnsupported: return "unsupported";
    case ErrorKind::kCancelled: return "cancelled";
    case ErrorKind::kBadResponse: return "bad_response";
    case ErrorKind::kInternal: return "internal";
  }
  return "internal";
}

std::string Error::text() const { return hint.empty() ? message : message + " (" + hint + ")"; }

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "weir: assertion failed: %s (%s:%d); this is a bug of ours\n", condition,
               file, line);
  std::abort();
}

}  // namespace weir
