#include "provider/follow.h"

#include <gtest/gtest.h>

namespace weir::provider {
namespace {

class Follow : public ::testing::Test {
 protected:
  Result<http::RequestPlan> follow(std::string_view url) {
    return follow_plan(url, {.credentials = credentials_,
                             .limits = limits_,
                             .id = {0, 1},
                             .model = "m",
                             .now = Time{}});
  }
  Credentials credentials_{.base_path = "/v1",
                           .key = "secret",
                           .settings = {},
                           .origin = {.tls = true, .host = "api.example.com", .port = 443}};
  catalogue::BatchLimits limits_ = [] {
    catalogue::BatchLimits limits;
    limits.result_hosts = {"storage.example.net"};
    return limits;
  }();
};

TEST_F(Follow, TheConfiguredOriginAndNamedHostsWithoutAKey) {
  const auto home = follow("https://api.example.com/results/1?sig=x");
  ASSERT_TRUE(home);
  EXPECT_EQ(home->origin, std::nullopt);
  EXPECT_EQ(home->target, "/results/1?sig=x");
  EXPECT_EQ(home->headers.size(), 0U);
  const auto away = follow("https://storage.example.net/b/o.jsonl?X-Signature=y");
  ASSERT_TRUE(away);
  EXPECT_EQ(away->origin, (http::Origin{true, "storage.example.net", 443}));
  EXPECT_EQ(away->headers.size(), 0U);
}

TEST_F(Follow, NowhereElse) {
  for (const char* url :
       {"https://evil.example/x?sig=hush", "http://storage.example.net/x?sig=hush",
        "https://storage.example.net:8443/x?sig=hush", "https://a.storage.example.net/?sig=hush",
        "http://api.example.com/?sig=hush", "http://127.0.0.1/?sig=hush", "file:///etc/passwd",
        "/results?sig=hush", "https://user@storage.example.net/?sig=hush", ""}) {
    const auto plan = follow(url);
    ASSERT_FALSE(plan) << url;
    EXPECT_EQ(plan.error().kind, ErrorKind::kBadResponse);
    EXPECT_EQ(plan.error().text().find("hush"), std::string::npos) << plan.error().text();
  }
}

// The simulator's endpoint is plain http: what leads to it is followed, and nothing else of that kind.
TEST_F(Follow, APlainEndpointMakesNoOtherPlainOriginAllowed) {
  credentials_.origin = {.tls = false, .host = "127.0.0.1", .port = 8080};
  EXPECT_TRUE(follow("http://127.0.0.1:8080/r"));
  EXPECT_FALSE(follow("http://127.0.0.1:8081/r"));
  EXPECT_FALSE(follow("http://storage.example.net/r"));
  EXPECT_TRUE(follow("https://storage.example.net/r"));
}

}  // namespace
}  // namespace weir::provider
