#pragma once
// Result and Error: how every call of Weir reports. Nothing here throws; values, safe to copy and to share as such.
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// What the installed library shows; everything else in it is hidden.
#define WEIR_API __attribute__((visibility("default")))

namespace weir {

/// What the caller can do about a failure.
enum class ErrorKind : std::uint8_t {
  kInvalidArgument,   // the input is wrong: fix it
  kUnauthenticated,   // no key, or the provider refused it
  kRateLimited,       // wait (retry_after) and try again
  kUnavailable,       // the other side failed before it accepted anything: try again
  kDeadlineExceeded,  // no answer: whether the operation happened is unknown
  kNotFound,
  kUnsupported,
  kCancelled,
  kBadResponse,  // the provider broke its contract
  kInternal,     // our bug
};
/// "invalid_argument", …
WEIR_API std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;    // what happened, to which id; never a secret, never a prompt
  std::string hint = {};  // how to fix it, may be empty
  std::string provider = {};
  int http_status = 0;
  std::string provider_code = {};
  std::string request_id = {};
  std::optional<std::chrono::milliseconds> retry_after = {};

  /// `message (hint)`, one line, for people.
  [[nodiscard]] WEIR_API std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

/// An Error to return from a function of Result<T>: `return fail(ErrorKind::kNotFound, "no model x", "did you mean y?");`
[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message,
                                                 std::string hint = {}) {
  return std::unexpected(
      Error{.kind = kind, .message = std::move(message), .hint = std::move(hint)});
}

}  // namespace weir
