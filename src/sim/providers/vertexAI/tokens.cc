#include "sim/providers/vertexAI/tokens.h"

#include <optional>
#include <vector>

#include "http/url.h"
#include "json/value.h"
#include "json/write.h"
#include "sim/gemini_shape/wire.h"
#include "sim/json_reply.h"

namespace weir::sim::vertexAI {
namespace {

constexpr std::string_view kPrefix = "ya29.";
constexpr std::int64_t kLifeSeconds = 3599;
constexpr std::int64_t kLifeAskedMax = 3600;
constexpr std::int64_t kSkewSeconds = 600;  // of clocks
constexpr std::size_t kSignatureBytesMin = 128;
constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

Reply refused(std::string_view word, std::string_view why) {
  json::Writer out;
  out.begin_object().field("error", word).field("error_description", why).end_object();
  return json_reply(400, out.take());
}

// Nothing when it is no base64url.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    std::uint32_t digit = 0;
    if (c >= 'A' && c <= 'Z') digit = static_cast<std::uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z') digit = static_cast<std::uint32_t>(c - 'a') + 26;
    else if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0') + 52;
    else if (c == '-') digit = 62;
    else if (c == '_') digit = 63;
    else return std::nullopt;
    bits = (bits << 6) | digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>((bits >> count) & 0xFF));
  }
  return out;
}

std::string form_value(std::string_view form, std::string_view name) {
  return http::query_value("/?" + std::string(form), name).value_or("");
}

// What is wrong with the claims; empty: nothing.
std::string_view fault_of(json::Value claims, std::int64_t now) {
  const auto issued = claims["iat"].integer().value_or(0),
             ends = claims["exp"].integer().value_or(0);
  const auto text = [&](std::string_view name) {
    return claims[name].string().value_or(std::string_view());
  };
  if (text("iss").empty() || text("aud").empty()) return "Invalid JWT: iss and aud must be set.";
  if (text("scope").find("cloud-platform") == std::string_view::npos)
    return "Invalid OAuth scope or ID token audience provided.";
  if (ends - issued > kLifeAskedMax || ends <= issued || issued > now + kSkewSeconds ||
      ends + kSkewSeconds < now)
    return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
           "timeframe. Check your iat and exp values in the JWT claim.";
  if (text("iss").starts_with("invalid")) return "Invalid grant: account not found";
  return {};
}

}  // namespace

Reply Tokens::exchange(const Call& call) {
  if (form_value(call.request.body, "grant_type") != kGrant)
    return refused("unsupported_grant_type", "Invalid grant_type");
  const std::string jwt = form_value(call.request.body, "assertion");
  const auto first = jwt.find('.'), last = jwt.rfind('.');
  if (first == std::string::npos || first == last)
    return refused("invalid_grant", "Bad Request: the assertion is no JWT");
  const std::string_view text = jwt;
  const auto header = decoded(text.substr(0, first));
  const auto payload = decoded(text.substr(first + 1, last - first - 1));
  const auto signature = decoded(text.substr(last + 1));
  json::Parser headers, claims;
  const auto head = headers.parse(header.value_or("")), said = claims.parse(payload.value_or(""));
  if (!head || (*head)["alg"].string() != "RS256" || !said || !signature ||
      signature->size() < kSignatureBytesMin)
    return refused("invalid_grant", "Invalid JWT Signature.");
  if (const auto fault = fault_of(*said, unix_seconds(call.now)); !fault.empty())
    return refused("invalid_grant", fault);
  const std::string token = gemini_shape::make_id(kPrefix, world_.options.seed, call.sequence, 120);
  tokens_[token] = {.email = (*said)["iss"].string_or(""),
                    .until = call.now + std::chrono::seconds(kLifeSeconds)};
  json::Writer out;
  out.begin_object().field("access_token", token).field("expires_in", kLifeSeconds);
  return json_reply(200, out.field("token_type", "Bearer").end_object().take());
}

std::string_view Tokens::account_of(std::string_view token) const {
  if (!token.starts_with(kPrefix)) return token;
  const auto found = tokens_.find(token);
  return found == tokens_.end() || found->second.until <= now_ ? std::string_view("invalid")
                                                               : found->second.email;
}

}  // namespace weir::sim::vertexAI
