#include "providers/anthropic/errors.h"

#include <gtest/gtest.h>

#include "providers/anthropic/testing.h"

namespace weir::providers::anthropic {
namespace {

using enum ErrorKind;

http::Response answer(int status, std::string body, http::Headers headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}
http::Response typed(int status, const std::string& type, http::Headers headers = {}) {
  return answer(status, R"({"type":"error","error":{"type":")" + type + R"(","message":"m"}})",
                std::move(headers));
}

TEST(AnthropicErrors, TheTypeDecides) {
  struct RowOf {
    int status;
    std::string type;
    ErrorKind kind;
  };
  const RowOf kRows[] = {{400, "invalid_request_error", kInvalidArgument},
                         {401, "authentication_error", kUnauthenticated},
                         {402, "billing_error", kInvalidArgument},
                         {403, "permission_error", kUnauthenticated},
                         {404, "not_found_error", kNotFound},
                         {409, "conflict_error", kRateLimited},
                         {413, "request_too_large", kInvalidArgument},
                         {429, "rate_limit_error", kRateLimited},
                         {500, "api_error", kUnavailable},
                         {504, "timeout_error", kUnavailable},
                         {529, "overloaded_error", kUnavailable}};
  for (const auto& row : kRows) {
    const Error error = error_of_response(typed(row.status, row.type), Time{});
    EXPECT_EQ(error.kind, row.kind) << row.type;
    EXPECT_EQ(kind_of_type(row.type), row.kind) << row.type;
    EXPECT_EQ(error.provider_code, row.type);
    EXPECT_EQ(error.provider, "anthropic");
    EXPECT_EQ(error.http_status, row.status);
    EXPECT_EQ(error_of_event({.type = row.type, .message = "m"}).kind, row.kind) << row.type;
  }
}

TEST(AnthropicErrors, WithoutAKnownTypeTheStatusDecides) {
  const std::pair<int, ErrorKind> kRows[] = {
      {400, kInvalidArgument}, {401, kUnauthenticated}, {402, kInvalidArgument},
      {403, kUnauthenticated}, {404, kNotFound},        {408, kRateLimited},
      {409, kRateLimited},     {413, kInvalidArgument}, {429, kRateLimited},
      {500, kUnavailable},     {503, kUnavailable},     {529, kUnavailable},
      {302, kBadResponse}};
  for (const auto& [status, kind] : kRows) {
    EXPECT_EQ(error_of_response(answer(status, "<html>"), Time{}).kind, kind) << status;
    EXPECT_EQ(error_of_response(typed(status, "from_next_year"), Time{}).kind, kind) << status;
  }
  EXPECT_FALSE(kind_of_type("from_next_year"));
  EXPECT_EQ(error_of_event({.type = "from_next_year"}).kind, kUnavailable);
}

TEST(AnthropicErrors, ASpendLimitIsNotWaitedFor) {
  const Error error =
      error_of_response(answer(429, testdata("sync.spend_limit.response.json")), Time{});
  EXPECT_EQ(error.kind, kInvalidArgument);
  EXPECT_EQ(error.provider_code, "enforced_spend_limit_reached");
  EXPECT_FALSE(error.retry_after);
  EXPECT_FALSE(error.hint.empty());
}

TEST(AnthropicErrors, ARateLimitTellsHowLong) {
  const Error error = error_of_response(
      answer(429, testdata("sync.rate_limited.response.json"), {{"retry-after", "7"}}), Time{});
  EXPECT_EQ(error.kind, kRateLimited);
  EXPECT_EQ(error.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(error.request_id, "req_011Rate");
}

TEST(AnthropicErrors, ShouldRetryOverrulesTheTable) {
  const auto kind = [](int status, const std::string& type, const char* word) {
    return error_of_response(typed(status, type, {{"x-should-retry", word}}), Time{}).kind;
  };
  EXPECT_EQ(kind(400, "invalid_request_error", "true"), kUnavailable);
  EXPECT_EQ(kind(429, "rate_limit_error", "true"), kRateLimited);
  EXPECT_EQ(kind(429, "rate_limit_error", "false"), kInvalidArgument);
  EXPECT_EQ(kind(529, "overloaded_error", "false"), kInvalidArgument);
  EXPECT_EQ(kind(529, "overloaded_error", "maybe"), kUnavailable);
}

TEST(AnthropicErrors, TheRequestIdOfTheHeaderWins) {
  const Error error = error_of_response(
      answer(500, testdata("sync.rate_limited.response.json"), {{"request-id", "req_head"}}),
      Time{});
  EXPECT_EQ(error.request_id, "req_head");
}

}  // namespace
}  // namespace weir::providers::anthropic
