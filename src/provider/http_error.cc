#include "provider/http_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace weir::provider {

std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers, Time now) {
  using std::chrono::milliseconds;
  const auto decimal = [](std::string_view text) -> std::optional<double> {
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || !(value >= 0))
      return std::nullopt;
    return std::min(value, 1e9);
  };
  const auto bounded = [](double ms) {
    return std::min(milliseconds(static_cast<std::int64_t>(ms)), milliseconds(kRetryAfterMax));
  };
  if (const auto text = headers.find("retry-after-ms"))
    if (const auto ms = decimal(*text)) return bounded(*ms);
  const auto text = headers.find("retry-after");
  if (!text) return std::nullopt;
  if (const auto seconds = decimal(*text)) return bounded(*seconds * 1000);
  if (const auto date = parse_http_date(*text)) {
    const auto wait = std::chrono::ceil<milliseconds>(*date - now);
    return std::clamp(wait, milliseconds(0), milliseconds(kRetryAfterMax));
  }
  return std::nullopt;
}

Error error_of_status(const http::Response& response, Time now) {
  Error error;
  error.http_status = response.status;
  error.retry_after = retry_after(response.headers, now);
  for (const auto* name : {"request-id", "x-request-id", "apim-request-id"})
    if (const auto id = response.headers.find(name); id && error.request_id.empty())
      error.request_id = id->substr(0, 128);
  switch (response.status) {
    case 401:
    case 403: error.kind = ErrorKind::kUnauthenticated; break;
    case 404: error.kind = ErrorKind::kNotFound; break;
    case 408:
    case 409:
    case 429: error.kind = ErrorKind::kRateLimited; break;
    default:
      error.kind = response.status >= 500   ? ErrorKind::kUnavailable
                   : response.status >= 400 ? ErrorKind::kInvalidArgument
                                            : ErrorKind::kBadResponse;
  }
  error.message = fmt::format("the provider answered {} {}", response.status,
                              http::reason_phrase(response.status));
  return error;
}

}  // namespace weir::provider
