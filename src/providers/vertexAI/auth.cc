#include "providers/vertexAI/auth.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/url.h"
#include "json/value.h"
#include "json/write.h"
#include "provider/http_error.h"
#include "provider/openai_chat_dialect.h"
#include "providers/vertexAI/jwt.h"

namespace weir::providers::vertexAI {
namespace {

constexpr std::string_view kTokenUri = "https://oauth2.googleapis.com/token";
constexpr std::string_view kTokenHost = "oauth2.googleapis.com";
constexpr std::string_view kScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr std::int64_t kLifeSeconds = 3600;  // the most that is allowed
constexpr std::size_t kAccessTokenBytesMax = 16U << 10;

std::unexpected<Error> unusable(std::string_view what, std::string hint = {}) {
  Error error{.kind = ErrorKind::kUnauthenticated,
              .message = fmt::format("vertexAI: {}", what),
              .hint = std::move(hint),
              .provider = "vertexAI"};
  return std::unexpected(std::move(error));
}

struct Account {
  std::string email, key_id, private_key, token_uri;
};

// {"type":"service_account","client_email":"…","private_key_id":"…","private_key":"-----BEGIN…","token_uri":"…"}
Result<Account> read_account(std::string_view text) {
  constexpr std::string_view kHint =
      "give the JSON key of a service account, as Google Cloud lets you download it";
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed || !parsed->is_object())
    return unusable("the service account's key is not JSON", std::string(kHint));
  const json::Value json = *parsed;
  Account out{.email = json["client_email"].string_or(""),
              .key_id = json["private_key_id"].string_or(""),
              .private_key = json["private_key"].string_or(""),
              .token_uri = json["token_uri"].string_or(kTokenUri)};
  if (json["type"].string() != "service_account" || out.email.empty() || out.private_key.empty())
    return unusable("the key is no service account's: it lacks type, client_email or private_key",
                    std::string(kHint));
  return out;
}

std::string claims_of(const Account& account, Time now) {
  json::Writer out;
  const auto seconds = unix_seconds(now);
  out.begin_object().field("iss", account.email).field("scope", kScope);
  out.field("aud", account.token_uri).field("iat", seconds);
  return out.field("exp", seconds + kLifeSeconds).end_object().take();
}

std::string header_of(const Account& account) {
  json::Writer out;
  out.begin_object().field("alg", "RS256").field("typ", "JWT");
  if (!account.key_id.empty()) out.field("kid", account.key_id);
  return out.end_object().take();
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kAccessTokenBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// {"error":"invalid_grant","error_description":"Invalid JWT Signature."}
Error token_error(const http::Response& response, Time now) {
  Error error = provider::error_of_status(response, now);
  json::Parser parser;
  const auto body = parser.parse(response.body).value_or(json::Value());
  const auto word = body["error"].string().value_or(std::string_view());
  const auto more = body["error_description"].string().value_or(std::string_view());
  error.provider = "vertexAI";
  error.provider_code = provider::openai_chat::presentable(word);
  error.message = "vertexAI: no access token was given";
  for (const auto text : {word, more})
    if (!text.empty()) error.message += ": " + provider::openai_chat::presentable(text);
  const bool later = error.kind == ErrorKind::kRateLimited || error.kind == ErrorKind::kUnavailable;
  if (!later) {
    error.kind = ErrorKind::kUnauthenticated;
    error.hint = "check that the service account's key still exists, and this machine's clock";
  }
  return error;
}

}  // namespace

bool is_service_account(const provider::Credentials& credentials) {
  return credentials.key.starts_with('{');
}

bool is_google(const http::Origin& origin) {
  return origin.tls && origin.host.ends_with(".googleapis.com");
}

void authorize(http::RequestPlan& plan, const provider::Credentials& credentials) {
  if (is_service_account(credentials)) plan.access_token = true;
  else plan.headers.set("authorization", "Bearer " + credentials.key);
}

// POST https://oauth2.googleapis.com/token
// grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=…
Result<http::RequestPlan> token_plan(const provider::Credentials& credentials, Time now) {
  if (!is_service_account(credentials))
    return fail(ErrorKind::kUnsupported, "vertexAI: the key is an access token already");
  WEIR_TRY(const auto account, read_account(credentials.key));
  const bool google = is_google(credentials.origin);
  if (google && account.token_uri != kTokenUri)
    return unusable("the service account's token_uri is not " + std::string(kTokenUri),
                    "keys of other clouds are not supported");
  WEIR_TRY(const auto jwt,
           sign_jwt(header_of(account), claims_of(account, now), account.private_key));
  http::RequestPlan plan{
      .method = http::Method::kPost,
      .target = google ? "/token" : http::join_path(credentials.base_path, "/token"),
      .headers = {{"content-type", "application/x-www-form-urlencoded"}},
      .body = {}};
  plan.body.emplace_back(
      fmt::format("grant_type={}&assertion={}",
                  http::percent_encode("urn:ietf:params:oauth:grant-type:jwt-bearer"), jwt));
  if (google) {
    plan.origin = http::Origin{.tls = true, .host = std::string(kTokenHost)};
    plan.origin_is_known = true;
  }
  return plan;
}

// {"access_token":"ya29.…","expires_in":3599,"token_type":"Bearer"}
Result<provider::AccessToken> read_token(const http::Response& response, Time now) {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(token_error(response, now));
  json::Parser parser;
  const auto body = parser.parse(response.body).value_or(json::Value());
  const auto token = body["access_token"].string();
  const auto seconds = body["expires_in"].integer().value_or(0);
  if (!token || !is_token(*token) || seconds <= 0)
    return fail(ErrorKind::kBadResponse, "vertexAI: the answer holds no access token");
  return provider::AccessToken{
      .value = std::string(*token),
      .until = now + std::chrono::seconds(std::min<std::int64_t>(seconds, 24 * kLifeSeconds))};
}

}  // namespace weir::providers::vertexAI
