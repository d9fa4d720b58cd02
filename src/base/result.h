#pragma once
// What goes with Result and Error (weir/result.h) within Weir: propagation and assertions. Exceptions stop at third-party boundaries.
#include <utility>

#include "weir/result.h"

namespace weir {

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
