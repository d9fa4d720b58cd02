#pragma once
// What everything of the OpenAI shape shares: errors, ids, model rules.
// Doc: https://developers.openai.com/api/docs (checked 2026-11-23, reference snapshot).
#include <expected>
#include <string>
#include <string_view>

#include "sim/openai_shape/traits.h"
#include "sim/prices.h"
#include "sim/reply.h"

namespace weir::sim::openai_shape {

/// {"error":{"message","type","param","code"}}
struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param;  // empty: null
  std::string code;   // empty: null
};

template <class T>
using Checked = std::expected<T, ApiError>;

inline std::unexpected<ApiError> refuse(std::string message, std::string param = {},
                                        std::string code = {}, int status = 400) {
  return std::unexpected(ApiError{.status = status,
                                  .message = std::move(message),
                                  .param = std::move(param),
                                  .code = std::move(code)});
}

std::string error_body(const Traits& traits, const ApiError& error);
Reply error_reply(const Traits& traits, const ApiError& error);
/// The usual error of a status ("" for the message: the usual text).
ApiError usual_error(const Traits& traits, int status, std::string_view message);

/// prefix + 24 letters and digits drawn from the seed.
std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number,
                    std::uint64_t part = 0);

/// gpt-5.6 and later bill cache writes and know explicit breakpoints; older models cache in steps
/// of 128 tokens.
inline bool has_breakpoints(const ModelRow& row) { return row.sync.cache_write.has_value(); }

}  // namespace weir::sim::openai_shape
