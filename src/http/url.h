#pragma once
// URLs, as far as Weir needs them: the origin that credentials belong to, a base path, queries.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::http {

/// scheme://host:port — where a key may go.
struct Origin {
  bool tls = true;
  std::string host;  // lower case, no brackets around an IPv6 address
  std::uint16_t port = 443;
  friend bool operator==(const Origin&, const Origin&) = default;
  /// "https://api.example.com", the port only when it is not the scheme's.
  [[nodiscard]] std::string text() const;
  /// For the Host header.
  [[nodiscard]] std::string authority() const;
};

/// An absolute http(s) URL.
struct Url {
  Origin origin;
  std::string target;  // path and query, at least "/"
};

/// @error kInvalidArgument not an absolute http or https URL, or it carries a user, password or fragment.
Result<Url> parse_url(std::string_view text);

/// Joins a base path ("/anthropic", "/v1/", "") and an absolute path ("/v1/files") with one slash between.
std::string join_path(std::string_view base, std::string_view path);

std::string percent_encode(std::string_view text);  // all but unreserved characters
std::string percent_decode(std::string_view text);  // tolerant: a bad escape stays as it is
/// The part before '?'.
std::string_view path_of(std::string_view target);
/// The value of a query parameter, decoded.
std::optional<std::string> query_value(std::string_view target, std::string_view name);

}  // namespace weir::http
