// Errors: google.rpc.Status with details. Doc: https://ai.google.dev/gemini-api/docs/troubleshooting,
// https://cloud.google.com/apis/design/errors (checked 2026-11-23)
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "provider/gemini_dialect.h"
#include "provider/http_error.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::gemini {
namespace {

// gRPC's codes, which rows of batches carry instead of HTTP's, with their words.
struct Code {
  int http = 0;
  std::string_view word;
};
constexpr std::array<Code, 17> kCodes{{{200, "OK"},
                                       {499, "CANCELLED"},
                                       {500, "UNKNOWN"},
                                       {400, "INVALID_ARGUMENT"},
                                       {504, "DEADLINE_EXCEEDED"},
                                       {404, "NOT_FOUND"},
                                       {409, "ALREADY_EXISTS"},
                                       {403, "PERMISSION_DENIED"},
                                       {429, "RESOURCE_EXHAUSTED"},
                                       {400, "FAILED_PRECONDITION"},
                                       {409, "ABORTED"},
                                       {400, "OUT_OF_RANGE"},
                                       {501, "UNIMPLEMENTED"},
                                       {500, "INTERNAL"},
                                       {503, "UNAVAILABLE"},
                                       {500, "DATA_LOSS"},
                                       {401, "UNAUTHENTICATED"}}};

bool is_of(json::Value detail, std::string_view type) {
  return detail["@type"].string().value_or(std::string_view()).ends_with(type);
}

// {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}
std::string_view reason_of(json::Value object) {
  for (const auto detail : object["details"].items()) {
    if (is_of(detail, "google.rpc.ErrorInfo"))
      return detail["reason"].string().value_or(std::string_view());
  }
  return {};
}

// {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37.5s"}
std::optional<std::chrono::milliseconds> retry_delay(json::Value object) {
  for (const auto detail : object["details"].items()) {
    auto text = detail["retryDelay"].string().value_or(std::string_view());
    if (!is_of(detail, "google.rpc.RetryInfo") || !text.ends_with('s')) continue;
    text.remove_suffix(1);
    double seconds = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(seconds) ||
        seconds < 0)
      continue;
    const std::chrono::milliseconds most = kRetryAfterMax;
    if (seconds * 1000 >= static_cast<double>(most.count())) return most;
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
  }
  return std::nullopt;
}

// {"@type":"…QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}
bool is_daily(json::Value object) {
  for (const auto detail : object["details"].items()) {
    if (!is_of(detail, "google.rpc.QuotaFailure")) continue;
    for (const auto violation : detail["violations"].items()) {
      const auto id = violation["quotaId"].string().value_or(std::string_view());
      if (id.find("PerDay") != std::string_view::npos) return true;
    }
  }
  return false;
}

const ErrorRule* rule_for(const Options& options, int status, std::string_view reason,
                          std::string_view word, std::string_view message) {
  for (const auto& rule : options.errors) {
    const bool told = rule.code.empty() || rule.code == reason || rule.code == word;
    const bool of_status = rule.status == 0 || rule.status == status;
    if (told && of_status && message.find(rule.message) != std::string_view::npos) return &rule;
  }
  return nullptr;
}

}  // namespace

Error decode_error(const Options& options, const http::Response& response, Time now) {
  Error error = error_of_status(response, now);
  json::Parser parser;
  auto body = parser.parse(response.body).value_or(json::Value());
  // Streams without alt=sse, and some proxies, put it into a list.
  if (const auto list = body.items(); list.size() != 0) body = list.at(0);
  Error told = decode_error_object(options, response.status, body["error"]);
  if (error.retry_after) told.retry_after = error.retry_after;
  told.request_id = std::move(error.request_id);
  return told;
}

Error decode_error_object(const Options& options, int status, json::Value object) {
  const auto code = object["code"].integer_or(0);
  auto word = object["status"].string().value_or(std::string_view());
  if (code > 0 && code < static_cast<std::int64_t>(kCodes.size())) {
    const auto& known = kCodes[static_cast<std::size_t>(code)];
    if (word.empty()) word = known.word;
    if (status == 0) status = known.http;
  } else if (status == 0 && code >= 400 && code <= 599) {
    status = static_cast<int>(code);
  }
  Error error;
  if (status != 0) {
    error = error_of_status({.status = status, .headers = {}, .body = {}}, Time{});
  } else {
    error.kind = ErrorKind::kUnavailable;
    error.message = "the provider reported an error";
  }
  const auto reason = reason_of(object);
  const auto words = object["message"].string().value_or(std::string_view());
  error.provider = options.provider;
  error.provider_code = openai_chat::presentable(reason.empty() ? word : reason);
  if (const auto* rule = rule_for(options, status, reason, word, words)) {
    error.kind = rule->kind;
    error.hint = rule->hint;
  }
  if (error.kind == ErrorKind::kRateLimited || error.kind == ErrorKind::kUnavailable)
    error.retry_after = retry_delay(object);
  if (error.kind == ErrorKind::kRateLimited && is_daily(object))
    error.hint = "the quota of a day is used up; it is full again at midnight, Pacific time";
  error.message = fmt::format("{}: {}", options.provider, error.message);
  if (!error.provider_code.empty()) error.message += fmt::format(", {}", error.provider_code);
  // What is said about a refused key may quote it.
  if (!words.empty() && error.kind != ErrorKind::kUnauthenticated)
    error.message += fmt::format(": {}", openai_chat::presentable(words));
  return error;
}

}  // namespace weir::provider::gemini
