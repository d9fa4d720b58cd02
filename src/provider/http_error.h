#pragma once
// From an HTTP answer to an Error: what every provider has in common. Each provider maps its own codes on top.
#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"

namespace weir::provider {

/// How long to wait, from `retry-after-ms`, then `retry-after` as integer, decimal or HTTP date. Nothing when absent or unreadable;
/// never negative, at most `kRetryAfterMax`.
std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers, Time now);
inline constexpr std::chrono::hours kRetryAfterMax{24};

/// An Error with the kind that the status alone suggests, http_status, request id (`request-id`, `x-request-id`, `apim-request-id`) and retry_after set.
/// 401, 403 kUnauthenticated; 404 kNotFound; 408, 409, 429 kRateLimited; 402 and other 4xx kInvalidArgument; 5xx kUnavailable.
Error error_of_status(const http::Response& response, Time now);

}  // namespace weir::provider
