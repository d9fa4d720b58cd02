#include "providers/bedrock/errors.h"

#include <fmt/format.h>

#include <array>

#include "json/value.h"
#include "provider/http_error.h"
#include "provider/openai_chat_dialect.h"
#include "providers/bedrock/xml.h"

namespace weir::providers::bedrock {
namespace {

using provider::openai_chat::presentable;

struct Rule {
  std::string_view name;
  ErrorKind kind;
  std::string_view hint = {};
};

constexpr auto kInvalid = ErrorKind::kInvalidArgument;
constexpr auto kKey = ErrorKind::kUnauthenticated;
constexpr std::string_view kKeyHint =
    "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the Bedrock API key";
constexpr std::string_view kRightsHint = "the key may not do this: look at its IAM policy";
constexpr std::string_view kRegionHint =
    "the bucket lies in another region: use one of the same region";

constexpr std::array kRules{
    Rule{"ValidationException", kInvalid}, Rule{"AccessDeniedException", kKey, kRightsHint},
    Rule{"UnrecognizedClientException", kKey, kKeyHint},
    Rule{"InvalidSignatureException", kKey, kKeyHint},
    Rule{"MissingAuthenticationTokenException", kKey, kKeyHint},
    Rule{"IncompleteSignatureException", kKey, kKeyHint},
    Rule{"ExpiredTokenException", kKey, "the session token has expired: get new credentials"},
    Rule{"ResourceNotFoundException", ErrorKind::kNotFound,
         "check the model's name and that the region has it"},
    Rule{"ConflictException", kInvalid}, Rule{"ThrottlingException", ErrorKind::kRateLimited},
    Rule{"TooManyRequestsException", ErrorKind::kRateLimited},
    // Too many jobs at once: others must end first.
    Rule{"ServiceQuotaExceededException", ErrorKind::kRateLimited},
    Rule{"ModelNotReadyException", ErrorKind::kUnavailable},
    Rule{"ModelTimeoutException", ErrorKind::kUnavailable}, Rule{"ModelErrorException", kInvalid},
    Rule{"ModelStreamErrorException", ErrorKind::kUnavailable},
    Rule{"InternalServerException", ErrorKind::kUnavailable},
    Rule{"ServiceUnavailableException", ErrorKind::kUnavailable},
    // S3's.
    Rule{"AccessDenied", kKey, kRightsHint}, Rule{"InvalidAccessKeyId", kKey, kKeyHint},
    Rule{"SignatureDoesNotMatch", kKey, kKeyHint},
    Rule{"ExpiredToken", kKey, "the session token has expired: get new credentials"},
    Rule{"InvalidToken", kKey, kKeyHint},
    Rule{"RequestTimeTooSkewed", kKey, "this machine's clock is wrong"},
    Rule{"NoSuchBucket", ErrorKind::kNotFound, "check the setting bucket"},
    Rule{"NoSuchKey", ErrorKind::kNotFound}, Rule{"PermanentRedirect", kInvalid, kRegionHint},
    Rule{"AuthorizationHeaderMalformed", kInvalid, kRegionHint}, Rule{"EntityTooLarge", kInvalid},
    Rule{"SlowDown", ErrorKind::kRateLimited}, Rule{"RequestTimeout", ErrorKind::kUnavailable},
    Rule{"InternalError", ErrorKind::kUnavailable},
    Rule{"ServiceUnavailable", ErrorKind::kUnavailable}};

// Streams spell their exceptions with a small first letter.
bool same_name(std::string_view a, std::string_view b) { return http::equal_ignoring_case(a, b); }

void apply_rule(Error& error, std::string_view name, std::string_view message) {
  error.provider = "bedrock";
  error.provider_code = presentable(name);
  if (!message.empty())
    error.message =
        fmt::format("bedrock answered {}: {}", name.empty() ? "an error" : error.provider_code,
                    presentable(message));
  for (const auto& rule : kRules) {
    if (!same_name(rule.name, name)) continue;
    error.kind = rule.kind;
    error.hint = rule.hint;
  }
}

// "com.amazon.coral.service#ThrottlingException:http://internal…/" -> "ThrottlingException"
std::string_view bare_name(std::string_view name) {
  name = name.substr(0, name.find(':'));
  return name.substr(name.rfind('#') + 1);  // npos + 1 is 0
}

}  // namespace

Error error_of_name(std::string_view name, std::string_view message, int status) {
  Error error;
  if (status != 0)
    error = provider::error_of_status({.status = status, .headers = {}, .body = {}}, Time{});
  else error.kind = ErrorKind::kUnavailable;
  if (error.message.empty() || !message.empty())
    error.message = fmt::format("bedrock: {}",
                                message.empty() ? "an error without a text" : presentable(message));
  apply_rule(error, bare_name(name), message);
  return error;
}

Error error_of_response(const http::Response& response, Time now) {
  Error error = provider::error_of_status(response, now);
  for (const auto* name : {"x-amzn-requestid", "x-amz-request-id"})
    if (const auto id = response.headers.find(name); id && error.request_id.empty())
      error.request_id = id->substr(0, 128);
  std::string name(response.headers.find("x-amzn-errortype").value_or(""));
  json::Parser parser;
  if (const auto body = parser.parse(response.body); body && body->is_object()) {
    if (name.empty()) name = (*body)["__type"].string_or("");
    const auto message = (*body)["message"].string();
    apply_rule(error, bare_name(name),
               message ? *message : (*body)["Message"].string().value_or(std::string_view()));
    // The model's own failure: whether it may pass, its status tells.
    if (bare_name(name) == "ModelErrorException" &&
        (*body)["originalStatusCode"].integer_or(0) >= 500)
      error.kind = ErrorKind::kUnavailable;
    return error;
  }
  if (name.empty()) name = element_text(response.body, "Code").value_or("");
  apply_rule(error, bare_name(name), element_text(response.body, "Message").value_or(""));
  return error;
}

}  // namespace weir::providers::bedrock
