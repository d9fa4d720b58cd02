// Tokens over a real connection: how often they are fetched, what of it is told, and where plans go.
#include "runtime/access_tokens.h"

#include <gmock/gmock.h>

#include "runtime/http_client_testing.h"

namespace weir::runtime::testing {
namespace {

class ManualClock final : public RuntimeClock {
 public:
  Time now() override { return time; }
  [[nodiscard]] double scale() const override { return 1; }
  Time time = from_unix_seconds(1'795'000'000);
};

// Exchanges "key" at /echo, whose answer is the body it was sent: "token-<n>".
class Exchanger final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "exchanger"; }
  [[nodiscard]] Result<http::RequestPlan> encode_token(const provider::Credentials& credentials,
                                                       Time /*now*/) const override {
    if (credentials.key.empty()) return fail(ErrorKind::kUnauthenticated, "no key");
    http::RequestPlan plan{
        .method = http::Method::kPost, .target = path, .headers = {}, .body = {}};
    plan.body.emplace_back("token-" + std::to_string(++asked));
    return plan;
  }
  [[nodiscard]] Result<provider::AccessToken> decode_token(const http::Response& response,
                                                           Time now) const override {
    if (response.status == 404) return fail(ErrorKind::kRateLimited, "later");
    if (refuses) return fail(ErrorKind::kUnauthenticated, "refused");
    return provider::AccessToken{.value = response.body, .until = now + life};
  }
  [[nodiscard]] Result<http::RequestPlan> encode_sync(const llm::Request&,
                                                      const provider::SyncCall&) const override {
    return http::RequestPlan{};
  }
  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response&, Time) const override {
    return llm::Response{};
  }
  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return nullptr;
  }
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials&,
                                               std::string_view) const override {
    return {};
  }
  [[nodiscard]] provider::ImageFormat image_format() const override { return {}; }
  [[nodiscard]] Result<void> encode_item(std::string_view, const llm::Request&,
                                         std::string&) const override {
    return {};
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view, const provider::BatchEvent&,
                                            const provider::BatchContext&) const override {
    return provider::Step{};
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view, std::string_view,
                                                 Time) const override {
    return provider::Row{};
  }

  std::string path = "/echo";
  Duration life = std::chrono::hours(1);
  bool refuses = false;
  mutable int asked = 0;
};

class AccessTokensTest : public HttpClientTest {
 protected:
  void SetUp() override {
    HttpClientTest::SetUp();
    tokens_ = std::make_unique<AccessTokens>(io_, AccessTokens::Parts{.adapter = adapter_,
                                                                      .credentials = credentials_,
                                                                      .client = *client_,
                                                                      .clock = clock_,
                                                                      .origin = home_});
  }
  // So many requests at once; what each was answered, which is the token it came with, or its error.
  std::vector<std::string> send(int count) {
    std::vector<Pending> pending(static_cast<std::size_t>(count));
    for (auto& one : pending) {
      auto request = get(home_, "/");
      request.plan.access_token = true;
      asio::co_spawn(io_, tokens_->send(std::move(request), &one.sink),
                     [&one](const std::exception_ptr& thrown, Result<void> done) {
                       EXPECT_FALSE(thrown);
                       one.result = std::move(done);
                     });
    }
    io_.restart();
    while (std::ranges::any_of(pending, [](const auto& one) { return !one.result; }) &&
           io_.run_one() > 0) {
    }
    std::vector<std::string> out;
    for (const auto& one : pending)
      out.push_back(one.result && *one.result ? one.sink.response.body
                    : one.result              ? std::string(to_string(one.result->error().kind))
                                              : "never");
    return out;
  }
  std::string one() { return send(1).front(); }

  // Exchanges at /echo, and tells at / with which token it was asked; refuses those of refused_.
  RawServer server_{[this](int fd) {
    const auto head = receive_head(fd);
    const auto at = head.find("token-");
    auto token = at == std::string::npos ? "none" : head.substr(at, head.find('\r', at) - at);
    const bool echo = head.starts_with("POST /echo");
    if (echo) token = head.substr(head.find("\r\n\r\n") + 4);
    const bool refused = !echo && token == refused_;
    const int status = head.starts_with("POST /missing") ? 404 : refused ? 401 : 200;
    send_all(fd, "HTTP/1.1 " + std::to_string(status) +
                     " X\r\nConnection: close\r\nContent-Length: " + std::to_string(token.size()) +
                     "\r\n\r\n" + token);
  }};
  http::Origin home_ = server_.origin();
  std::string refused_;  // set before anything is sent
  Exchanger adapter_;
  provider::Credentials credentials_{.base_path = "", .key = "key"};
  ManualClock clock_;
  std::unique_ptr<AccessTokens> tokens_;
};

TEST_F(AccessTokensTest, OneFetchForAllWhoWait) {
  EXPECT_THAT(send(20), ::testing::Each("token-1"));
  EXPECT_EQ(one(), "token-1");
  EXPECT_EQ(adapter_.asked, 1);
}

TEST_F(AccessTokensTest, RenewedAheadOfItsEnd) {
  EXPECT_EQ(one(), "token-1");
  clock_.time += std::chrono::minutes(54);
  EXPECT_EQ(one(), "token-1");
  clock_.time += std::chrono::minutes(1);
  EXPECT_EQ(one(), "token-2");
}

TEST_F(AccessTokensTest, ARefusedOneIsNotUsedAgain) {
  refused_ = "token-1";
  EXPECT_THAT(send(5), ::testing::Each("token-2"));
  EXPECT_EQ(one(), "token-2");
  EXPECT_EQ(adapter_.asked, 2);
}

TEST_F(AccessTokensTest, WhatCannotBeHad) {
  adapter_.refuses = true;
  EXPECT_THAT(send(3), ::testing::Each("unauthenticated"));
  EXPECT_EQ(adapter_.asked, 1);
  adapter_.refuses = false;
  adapter_.path = "/missing";
  EXPECT_EQ(one(), "unavailable");  // may pass: the request itself was not sent
  adapter_.path = "/echo";
  adapter_.life = std::chrono::seconds(0);
  EXPECT_EQ(one(), "unavailable");
  adapter_.life = std::chrono::seconds(20);
  EXPECT_THAT(one(), ::testing::StartsWith("token-"));
  credentials_.key.clear();
  clock_.time += std::chrono::minutes(1);
  EXPECT_EQ(one(), "unauthenticated");
}

TEST(SetOrigin, KeysLeaveHomeOnlyForHostsOfTheSettings) {
  const http::Origin home{.tls = true, .host = "home.example"};
  ClientRequest request;
  request.plan.headers.add("authorization", "Bearer x");
  set_origin(request, home);
  EXPECT_EQ(request.origin, home);
  request.plan.origin = http::Origin{.tls = true, .host = "storage.example"};
  request.plan.origin_is_known = true;
  set_origin(request, home);
  EXPECT_EQ(request.origin.host, "storage.example");
  EXPECT_FALSE(request.public_addresses_only);
  ClientRequest led;
  led.plan.origin = http::Origin{.tls = true, .host = "results.example"};
  set_origin(led, home);
  EXPECT_EQ(led.origin.host, "results.example");
  EXPECT_TRUE(led.public_addresses_only);
  led.plan.access_token = true;
  EXPECT_DEATH(set_origin(led, home), "assertion failed");
}

}  // namespace
}  // namespace weir::runtime::testing
