#pragma once
// Shapes that all of the simulated anthropic shares: errors, ids, model rules.
// Doc: https://platform.claude.com/docs/en/api/errors (checked 2026-11-23, reference snapshot).
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "http/message.h"
#include "sim/prices.h"
#include "sim/reply.h"

namespace weir::sim::anthropic {

/// {"type":"error","error":{"type","message"},"request_id"}
struct ApiError {
  int status = 400;
  std::string type = "invalid_request_error";
  std::string message;
};

template <class T>
using Checked = std::expected<T, ApiError>;

inline std::unexpected<ApiError> refuse(std::string message) {
  return std::unexpected(ApiError{.message = std::move(message)});
}

/// @param request_id empty: null.
std::string error_body(const ApiError& error, std::string_view request_id);
Reply error_reply(const ApiError& error, std::string_view request_id);
/// The usual error of a status ("" for the message: the usual text).
ApiError usual_error(int status, std::string_view message);
/// The error that a row ends with, by its type ("" for api_error).
ApiError typed_error(std::string_view type);

/// prefix + "01" + 22 letters and digits drawn from the seed.
std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number);

/// The API versions that are simulated.
/// Doc: https://platform.claude.com/docs/en/api/versioning (checked 2026-11-23).
enum class Version : std::uint8_t { k20230601, k20261021 };
/// What the header anthropic-version asks for. @error 400 there is none, or it is not known.
Checked<Version> version_of(const http::Headers& headers);

/// What a model generation allows, from its name.
struct ModelRules {
  bool sampling = true;          // temperature, top_p and top_k other than the default: until 4.6
  bool prefill = true;           // the last message may be the assistant's: until 4.5
  bool system_messages = false;  // {"role":"system"} within messages
};
ModelRules rules_of(std::string_view model);

}  // namespace weir::sim::anthropic
