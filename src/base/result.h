#pragma once
// Result and Error: how every fallible function of ours reports. Exceptions stop at third-party boundaries.
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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
std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;  // what happened, to which id; never a secret, never a prompt
  std::string hint;     // how to fix it, may be empty
  std::string provider;
  int http_status = 0;
  std::string provider_code;
  std::string request_id;
  std::optional<std::chrono::milliseconds> retry_after;

  /// `message (hint)`, one line, for people.
  [[nodiscard]] std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message,
                                                 std::string hint = {}) {
  return std::unexpected(
      Error{.kind = kind, .message = std::move(message), .hint = std::move(hint)});
}

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace weir

// For our own bugs only; stays on in release builds. Outside input never reaches one.
#define WEIR_ASSERT(condition) \
  ((condition) ? void() : ::weir::assertion_failed(#condition, __FILE__, __LINE__))

#define WEIR_CONCAT_(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_(a, b)
#define WEIR_TRY_(tmp, declaration, ...)                    \
  auto tmp = (__VA_ARGS__);                                 \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  declaration = *std::move(tmp)
// WEIR_TRY(auto x, f()): x is the value, or this function returns the error.
#define WEIR_TRY(declaration, ...) \
  WEIR_TRY_(WEIR_CONCAT(weir_try_, __COUNTER__), declaration, __VA_ARGS__)
#define WEIR_CHECK_(tmp, ...)                                                           \
  do {                                                                                  \
    if (auto tmp = (__VA_ARGS__); !tmp) return std::unexpected(std::move(tmp).error()); \
  } while (false)
// WEIR_CHECK(f()): for Result<void>.
#define WEIR_CHECK(...) WEIR_CHECK_(WEIR_CONCAT(weir_check_, __COUNTER__), __VA_ARGS__)
