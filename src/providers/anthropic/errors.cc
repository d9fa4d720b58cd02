#include "providers/anthropic/errors.h"

#include <fmt/format.h>

#include "provider/http_error.h"

namespace weir::providers::anthropic {
namespace {

using provider::anthropic_dialect::WireError;

struct TypeRow {
  std::string_view type;
  ErrorKind kind;
  std::string_view hint;
};

constexpr TypeRow kTypes[] = {
    {"invalid_request_error", ErrorKind::kInvalidArgument, ""},
    {"authentication_error", ErrorKind::kUnauthenticated, "check the account's API key"},
    {"billing_error", ErrorKind::kInvalidArgument, "settle the account's billing at Anthropic"},
    {"permission_error", ErrorKind::kUnauthenticated,
     "the key's workspace may not use this; check its permissions"},
    {"not_found_error", ErrorKind::kNotFound, ""},
    {"conflict_error", ErrorKind::kRateLimited, ""},
    {"request_too_large", ErrorKind::kInvalidArgument,
     "a request may have 32 MB, a batch 256 MB: send less at once"},
    {"rate_limit_error", ErrorKind::kRateLimited, ""},
    {"api_error", ErrorKind::kUnavailable, ""},
    {"timeout_error", ErrorKind::kUnavailable, ""},
    {"overloaded_error", ErrorKind::kUnavailable, ""},
};

// A 429 that no waiting cures; it comes without retry-after.
constexpr std::string_view kSpendLimit = "enforced_spend_limit_reached";

const TypeRow* find_type(std::string_view type) {
  for (const auto& row : kTypes)
    if (row.type == type) return &row;
  return nullptr;
}

bool can_be_tried_again(ErrorKind kind) {
  return kind == ErrorKind::kRateLimited || kind == ErrorKind::kUnavailable;
}

void fill(Error& error, const WireError& wire) {
  error.provider = "anthropic";
  error.provider_code = wire.detail_code.empty() ? wire.type : wire.detail_code;
  if (!wire.request_id.empty()) error.request_id = wire.request_id;
  if (!wire.message.empty())
    error.message = fmt::format("anthropic answered {}: {}",
                                wire.type.empty() ? "an error" : wire.type, wire.message);
  if (const auto* row = find_type(wire.type)) {
    error.kind = row->kind;
    error.hint = row->hint;
  }
  if (wire.detail_code == kSpendLimit) {
    error.kind = ErrorKind::kInvalidArgument;
    error.hint = "the spend limit of the account is reached; raise it at Anthropic";
    error.retry_after.reset();
  }
}

}  // namespace

std::optional<ErrorKind> kind_of_type(std::string_view type) {
  const auto* row = find_type(type);
  if (row == nullptr) return std::nullopt;
  return row->kind;
}

Error error_of_response(const http::Response& response, Time now) {
  Error error = provider::error_of_status(response, now);
  const std::string header_id = error.request_id;
  json::Parser parser;
  const auto parsed = parser.parse(response.body);
  fill(error, parsed ? provider::anthropic_dialect::decode_error(*parsed) : WireError{});
  if (!header_id.empty()) error.request_id = header_id;
  // Doc: the official SDKs obey this header before the status (checked 2026-11-23).
  const auto should_retry = response.headers.find("x-should-retry");
  if (should_retry == "true" && !can_be_tried_again(error.kind)) {
    error.kind = ErrorKind::kUnavailable;
  } else if (should_retry == "false" && can_be_tried_again(error.kind)) {
    error.kind = ErrorKind::kInvalidArgument;
    if (error.hint.empty()) error.hint = "the provider asks not to try this again";
  }
  return error;
}

Error error_of_event(const WireError& wire) {
  Error error{.kind = ErrorKind::kUnavailable,
              .message = "anthropic answered an error without a text"};
  fill(error, wire);
  return error;
}

}  // namespace weir::providers::anthropic
