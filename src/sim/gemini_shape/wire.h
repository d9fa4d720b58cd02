#pragma once
// What everything of the Gemini shape shares: errors as google.rpc.Status, ids, names of fields.
// Docs (checked 2026-11-23, reference snapshot): https://ai.google.dev/api,
// https://ai.google.dev/gemini-api/docs/troubleshooting
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "json/value.h"
#include "json/write.h"
#include "sim/reply.h"

namespace weir::sim::gemini_shape {

struct ApiError {
  int status = 400;
  std::string message;
  std::string word;                          // "INVALID_ARGUMENT"; empty: that of the status
  std::string reason = {};                   // of an ErrorInfo; empty: none
  std::optional<Duration> retry_after = {};  // of a RetryInfo
};

template <class T>
using Checked = std::expected<T, ApiError>;

inline std::unexpected<ApiError> refuse(std::string message, int status = 400) {
  return std::unexpected(ApiError{.status = status, .message = std::move(message), .word = {}});
}

/// {"error":{"code":400,"message":"…","status":"INVALID_ARGUMENT","details":[…]}}
Reply error_reply(const ApiError& error);
/// {"code":3,"message":"…"}: with gRPC's code, as operations and rows of batches have it.
std::string status_json(const ApiError& error);
/// The usual error of a status ("" for the message: the usual text).
ApiError usual_error(int status, std::string_view message);

/// The version of the API that a request asks for: "v1" or "v1beta".
std::string_view version_of(std::string_view target);

/// prefix + so many letters and digits drawn from the seed.
std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number,
                    std::size_t length = 24);

/// "max_output_tokens" -> "maxOutputTokens": both are taken wherever JSON is read.
std::string camel_case(std::string_view name);
/// The member of that camelCase name, in either spelling.
json::Value member(json::Value object, std::string_view name);
/// As protobuf's parser: an unknown name refuses the whole request. @param where for the text
Checked<void> check_names(json::Value object, std::string_view where,
                          std::initializer_list<std::string_view> names);

}  // namespace weir::sim::gemini_shape
