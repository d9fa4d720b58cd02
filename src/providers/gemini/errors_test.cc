// The table of errors, row by row.
#include "providers/gemini/errors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weir::providers::gemini {
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
    {400, "INVALID_ARGUMENT", "API_KEY_INVALID", "x", kKeyless, "check the key"},
    {400, "INVALID_ARGUMENT", "API_KEY_EXPIRED", "x", kKeyless, "check the key"},
    {400, "INVALID_ARGUMENT", "", "API key not valid. Please pass a valid API key.", kKeyless,
     "key"},
    {400, "INVALID_ARGUMENT", "", "API key expired. Please renew the API key.", kKeyless, "key"},
    {403, "PERMISSION_DENIED", "SERVICE_DISABLED", "x", kKeyless, "enable"},
    {403, "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED", "x", kKeyless, "enable"},
    {401, "UNAUTHENTICATED", "", "x", kKeyless, "key"},
    {401, "", "", "", kKeyless, "key"},
    {403, "PERMISSION_DENIED", "",
     "You do not have permission to access the File x or it may not exist.", ErrorKind::kNotFound,
     "48 hours"},
    {403, "PERMISSION_DENIED", "", "The caller does not have permission", kKeyless, "key"},
    {400, "FAILED_PRECONDITION", "", "User location is not supported for the API use.", kKeyless,
     "place"},
    {400, "FAILED_PRECONDITION", "", "Please enable billing on project", kKeyless, "billing"},
    {400, "FAILED_PRECONDITION", "", "x", kInvalid, ""},
    {429, "RESOURCE_EXHAUSTED", "", "Your prepayment credits are depleted. Please go to AI Studio",
     kInvalid, "add credits"},
    {429, "RESOURCE_EXHAUSTED", "", "Quota exceeded for metric: x, limit: 0, model: y", kInvalid,
     "quota"},
    {429, "RESOURCE_EXHAUSTED", "", "Resource has been exhausted", ErrorKind::kRateLimited,
     "lower"},
    {429, "", "", "", ErrorKind::kRateLimited, "lower"},
    {499, "CANCELLED", "", "x", ErrorKind::kUnavailable, ""},
    {500, "INTERNAL", "", "x", ErrorKind::kUnavailable, ""},
    {503, "UNAVAILABLE", "", "The model is overloaded.", ErrorKind::kUnavailable, ""},
    {504, "DEADLINE_EXCEEDED", "", "x", ErrorKind::kUnavailable, "shorten"},
    {404, "NOT_FOUND", "", "models/x is not found for API version v1beta", ErrorKind::kNotFound,
     "name"},
    {404, "NOT_FOUND", "", "Requested entity was not found.", ErrorKind::kNotFound, ""},
    {400, "INVALID_ARGUMENT", "",
     "The input token count (9) exceeds the maximum number of tokens allowed (8).", kInvalid,
     "shorten"},
    {413, "", "", "", kInvalid, "too large"},
    {400, "INVALID_ARGUMENT", "", "x", kInvalid, ""},
};

TEST(GeminiErrorTable, RowByRow) {
  const provider::gemini::Options options{.provider = "gemini", .errors = error_rules()};
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
    EXPECT_EQ(error.provider_code, c.reason.empty() ? c.word : c.reason);
    EXPECT_EQ(error.http_status, c.status);
  }
}

}  // namespace
}  // namespace weir::providers::gemini
