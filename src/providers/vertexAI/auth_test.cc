// Tokens: what is signed is checked by OpenSSL, what is refused never tells a piece of the key.
#include "providers/vertexAI/auth.h"

#include <gmock/gmock.h>

#include "http/url.h"
#include "json/value.h"
#include "providers/vertexAI/key_testing.h"

namespace weir::providers::vertexAI {
namespace {

using testing::HasSubstr;
using testing::Not;

const Time kNow = parse_rfc3339("2026-11-23T12:00:00.5Z").value();

provider::Credentials google(std::string key) {
  return {.base_path = "/",
          .key = std::move(key),
          .origin = {.tls = true, .host = "us-central1-aiplatform.googleapis.com"}};
}

std::string assertion_of(const http::RequestPlan& plan) {
  const auto& form = std::get<std::string>(plan.body.at(0));
  EXPECT_EQ(http::query_value("/?" + form, "grant_type"),
            "urn:ietf:params:oauth:grant-type:jwt-bearer");
  return http::query_value("/?" + form, "assertion").value_or("");
}

TEST(VertexAuth, ASignedAssertion) {
  const auto key = rsa_key();
  const auto credentials = google(account_json(pem_of(key)));
  const auto plan = token_plan(credentials, kNow).value();
  EXPECT_EQ(plan.method, http::Method::kPost);
  EXPECT_EQ(plan.target, "/token");
  ASSERT_TRUE(plan.origin);
  EXPECT_EQ(plan.origin->text(), "https://oauth2.googleapis.com");
  EXPECT_TRUE(plan.origin_is_known);
  EXPECT_FALSE(plan.access_token);
  EXPECT_EQ(plan.headers.find("content-type"), "application/x-www-form-urlencoded");
  const auto jwt = assertion_of(plan);
  const auto dot = jwt.rfind('.'), first = jwt.find('.');
  ASSERT_LT(first, dot);
  EXPECT_EQ(from_base64url(jwt.substr(0, first)), R"({"alg":"RS256","typ":"JWT","kid":"kid-1"})");
  EXPECT_EQ(
      from_base64url(jwt.substr(first + 1, dot - first - 1)),
      R"({"iss":"weir@p.iam.gserviceaccount.com","scope":"https://www.googleapis.com/auth/cloud-platform",)"
      R"("aud":"https://oauth2.googleapis.com/token","iat":1795435200,"exp":1795438800})");
  EXPECT_TRUE(is_signed(key, jwt.substr(0, dot), from_base64url(jwt.substr(dot + 1))));
  EXPECT_FALSE(is_signed(rsa_key(), jwt.substr(0, dot), from_base64url(jwt.substr(dot + 1))));
  EXPECT_EQ(token_plan(credentials, kNow)->body, plan.body);  // the same input, the same bytes
}

TEST(VertexAuth, AnotherEndpointStandsForAllOfGoogles) {
  const provider::Credentials credentials{
      .base_path = "/vertexAI",
      .key = account_json(pem_of(rsa_key()), "https://elsewhere.example/token"),
      .origin = {.tls = false, .host = "127.0.0.1", .port = 80}};
  const auto plan = token_plan(credentials, kNow).value();
  EXPECT_EQ(plan.target, "/vertexAI/token");
  EXPECT_FALSE(plan.origin);
  // Google's own endpoint never sends it where a key file says.
  const auto elsewhere = token_plan(google(credentials.key), kNow);
  EXPECT_EQ(elsewhere.error().kind, ErrorKind::kUnauthenticated);
  EXPECT_THAT(elsewhere.error().message, HasSubstr("token_uri"));
}

TEST(VertexAuth, KeysThatAreNone) {
  EXPECT_EQ(token_plan(google("ya29.token"), kNow).error().kind, ErrorKind::kUnsupported);
  const auto pem = pem_of(rsa_key());
  const auto broken = pem.substr(0, 200);
  for (const auto& key :
       {std::string("{"), std::string("{}"), std::string(R"({"type":"authorized_user"})"),
        account_json(""), account_json("hush"), account_json(broken),
        account_json(pem_of(ec_key())), account_json(pem_of(rsa_key(), "password"))}) {
    const auto refused = token_plan(google(key), kNow);
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().kind, ErrorKind::kUnauthenticated) << key;
    EXPECT_THAT(refused.error().text(), Not(HasSubstr("hush")));
    EXPECT_THAT(refused.error().text(), Not(HasSubstr(pem.substr(40, 20))));
  }
}

TEST(VertexAuth, Tokens) {
  const auto read = [](int status, std::string body) {
    return read_token({.status = status, .headers = {}, .body = std::move(body)}, kNow);
  };
  const auto token =
      read(200, R"({"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"})").value();
  EXPECT_EQ(token.value, "ya29.x");
  EXPECT_EQ(token.until, kNow + std::chrono::seconds(3599));
  for (const char* body :
       {"", "{}", "[]", R"({"access_token":"ya29.x"})", R"({"access_token":"","expires_in":9})",
        R"({"access_token":"a b","expires_in":9})", R"({"access_token":"a\r\nb","expires_in":9})",
        R"({"access_token":"ya29.x","expires_in":0})"})
    EXPECT_EQ(read(200, body).error().kind, ErrorKind::kBadResponse) << body;
  const auto refused =
      read(400, R"({"error":"invalid_grant","error_description":"Invalid JWT Signature."})");
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnauthenticated);
  EXPECT_THAT(refused.error().message, HasSubstr("invalid_grant: Invalid JWT Signature."));
  EXPECT_THAT(refused.error().hint, HasSubstr("clock"));
  EXPECT_EQ(read(401, "").error().kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(read(429, "").error().kind, ErrorKind::kRateLimited);
  EXPECT_EQ(read(503, "").error().kind, ErrorKind::kUnavailable);
}

TEST(VertexAuth, PlansGoWithATokenOrWithTheWishForOne) {
  http::RequestPlan plan;
  authorize(plan, google("ya29.token"));
  EXPECT_EQ(plan.headers.find("authorization"), "Bearer ya29.token");
  EXPECT_FALSE(plan.access_token);
  http::RequestPlan wish;
  authorize(wish, google(R"({"type":"service_account"})"));
  EXPECT_EQ(wish.headers.find("authorization"), std::nullopt);
  EXPECT_TRUE(wish.access_token);
}

TEST(VertexAuth, GooglesHosts) {
  EXPECT_TRUE(is_google({.tls = true, .host = "aiplatform.googleapis.com"}));
  EXPECT_FALSE(is_google({.tls = false, .host = "aiplatform.googleapis.com"}));
  EXPECT_FALSE(is_google({.tls = true, .host = "aiplatform.googleapis.com.evil.example"}));
  EXPECT_FALSE(is_google({.tls = true, .host = "evilgoogleapis.com"}));
}

}  // namespace
}  // namespace weir::providers::vertexAI
