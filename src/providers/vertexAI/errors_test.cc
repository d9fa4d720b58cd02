// The table of errors, row by row.
#include "providers/vertexAI/errors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weir::providers::vertexAI {
namespace {

struct Case {
  int status;
  std::string_view word, reason, message;
  ErrorKind kind;
  std::string_view hint;  // a part of it
};

constexpr auto kInvalid = ErrorKind::kInvalidArgument;
constexpr auto kKeyless = ErrorKind::kUnauthenticated;
constexpr Case kCases[] = {
    {401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", "x", kKeyless, "hour"},
    {401, "UNAUTHENTICATED", "ACCESS_TOKEN_TYPE_UNSUPPORTED", "x", kKeyless, "token"},
    {401, "", "", "", kKeyless, "token"},
    {403, "PERMISSION_DENIED", "SERVICE_DISABLED", "x", kKeyless, "enable"},
    {403, "PERMISSION_DENIED", "BILLING_DISABLED", "x", kKeyless, "billing"},
    {403, "PERMISSION_DENIED", "CONSUMER_INVALID", "x", kKeyless, "project"},
    {403, "PERMISSION_DENIED", "", "This API method requires billing to be enabled", kKeyless,
     "billing"},
    {403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED", "x", kKeyless, "role"},
    {403, "", "", "x does not have storage.objects.create access", kKeyless, "Storage Object User"},
    {429, "RESOURCE_EXHAUSTED", "", "Resource exhausted.", ErrorKind::kRateLimited, "lower"},
    {429, "", "", "", ErrorKind::kRateLimited, "lower"},
    {499, "CANCELLED", "", "x", ErrorKind::kUnavailable, ""},
    {500, "INTERNAL", "", "x", ErrorKind::kUnavailable, ""},
    {503, "UNAVAILABLE", "", "x", ErrorKind::kUnavailable, ""},
    {504, "DEADLINE_EXCEEDED", "", "x", ErrorKind::kUnavailable, "shorten"},
    {404, "NOT_FOUND", "", "Publisher Model `x` was not found or your project",
     ErrorKind::kNotFound, "location"},
    {404, "", "", "The specified bucket does not exist.", ErrorKind::kNotFound, "bucket"},
    {404, "NOT_FOUND", "", "x", ErrorKind::kNotFound, ""},
    {400, "INVALID_ARGUMENT", "",
     "The input token count (9) exceeds the maximum number of tokens allowed (8).", kInvalid,
     "shorten"},
    {413, "", "", "", kInvalid, "too large"},
    {400, "FAILED_PRECONDITION", "", "x", kInvalid, ""},
    {400, "INVALID_ARGUMENT", "", "x", kInvalid, ""},
};

TEST(VertexErrorTable, RowByRow) {
  const provider::gemini::Options options{.provider = "vertexAI", .errors = error_rules()};
  for (const auto& c : kCases) {
    const auto details =
        c.reason.empty()
            ? std::string()
            : fmt::format(
                  R"(,"details":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{}"}}])",
                  c.reason);
    const http::Response response{
        .status = c.status,
        .headers = {},
        .body = fmt::format(R"({{"error":{{"code":{},"message":"{}","status":"{}"{}}}}})", c.status,
                            c.message, c.word, details)};
    const auto error = provider::gemini::decode_error(options, response, Time{});
    EXPECT_EQ(error.kind, c.kind) << response.body;
    EXPECT_NE(error.hint.find(c.hint), std::string::npos) << response.body << error.hint;
    EXPECT_EQ(error.hint.empty(), c.hint.empty()) << response.body << error.hint;
    EXPECT_EQ(error.http_status, c.status);
  }
}

}  // namespace
}  // namespace weir::providers::vertexAI
