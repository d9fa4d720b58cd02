#include "providers/openAI/errors.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::providers::openAI {
namespace {

Error error(int status, std::string_view type, std::string_view code) {
  const provider::openai_chat::Options options{.provider = "openAI", .errors = error_rules()};
  std::string body = R"({"error":{"message":"m","param":null,"type":")" + std::string(type) +
                     R"(","code":")" + std::string(code) + "\"}}";
  return decode_error(options, {.status = status, .headers = {}, .body = std::move(body)}, Time{});
}

struct ErrorRow {
  int status;
  const char* type;
  const char* code;
  ErrorKind kind;
};

TEST(OpenAIErrors, EachRow) {
  using enum ErrorKind;
  const ErrorRow rows[] = {
      {401, "invalid_request_error", "invalid_api_key", kUnauthenticated},
      {401, "invalid_request_error", "", kUnauthenticated},
      {403, "request_forbidden", "unsupported_country_region_territory", kUnauthenticated},
      {403, "", "", kUnauthenticated},
      {404, "invalid_request_error", "model_not_found", kNotFound},
      {404, "invalid_request_error", "", kNotFound},
      {400, "invalid_request_error", "model_not_found", kNotFound},
      {429, "requests", "rate_limit_exceeded", kRateLimited},
      {429, "tokens", "rate_limit_exceeded", kRateLimited},
      {429, "rate_limit_error", "slow_down", kRateLimited},
      {503, "service_unavailable_error", "slow_down", kRateLimited},
      {503, "service_unavailable_error", "server_is_overloaded", kUnavailable},
      {429, "", "", kRateLimited},
      {429, "insufficient_quota", "insufficient_quota", kInvalidArgument},
      {429, "insufficient_quota", "credit_balance_exhausted", kInvalidArgument},
      {429, "insufficient_quota", "organization_spend_limit_exceeded", kInvalidArgument},
      {429, "insufficient_quota", "project_spend_limit_exceeded", kInvalidArgument},
      {429, "insufficient_quota", "organization_usage_limit_exceeded", kInvalidArgument},
      {429, "insufficient_quota", "a_code_of_next_year", kInvalidArgument},
      {429, "billing_not_active", "billing_not_active", kInvalidArgument},
      {400, "invalid_request_error", "billing_hard_limit_reached", kInvalidArgument},
      {400, "invalid_request_error", "context_length_exceeded", kInvalidArgument},
      {400, "invalid_request_error", "string_above_max_length", kInvalidArgument},
      {400, "invalid_request_error", "unsupported_parameter", kInvalidArgument},
      {400, "invalid_request_error", "unsupported_value", kInvalidArgument},
      {400, "invalid_request_error", "invalid_json_schema", kInvalidArgument},
      {400, "invalid_request_error", "content_policy_violation", kInvalidArgument},
      {400, "invalid_request_error", "invalid_prompt", kInvalidArgument},
      {400, "invalid_request_error", "token_limit_exceeded", kRateLimited},
      {400, "invalid_request_error", "mismatched_model", kInvalidArgument},
      {400, "", "unknown", kInvalidArgument},
      {402, "", "", kInvalidArgument},
      {408, "", "", kRateLimited},
      {409, "", "", kRateLimited},
      {413, "", "", kInvalidArgument},
      {500, "server_error", "", kUnavailable},
      {502, "", "", kUnavailable},
      {504, "", "", kUnavailable},
  };
  for (const auto& row : rows)
    EXPECT_EQ(to_string(error(row.status, row.type, row.code).kind), to_string(row.kind))
        << row.status << " " << row.type << " " << row.code;
}

TEST(OpenAIErrors, TerminalBillingErrorsSayWhatToDo) {
  EXPECT_NE(error(429, "insufficient_quota", "new_one").text().find("add credits"),
            std::string::npos);
}

TEST(OpenAIErrors, NoRuleStandsTwice) {
  std::set<std::pair<int, std::string_view>> seen;
  for (const auto& rule : error_rules())
    EXPECT_TRUE(seen.emplace(rule.status, rule.code).second) << rule.status << " " << rule.code;
}

}  // namespace
}  // namespace weir::providers::openAI
