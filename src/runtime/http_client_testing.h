#pragma once
// For tests of the HTTP client only: servers that misbehave in raw bytes, our own server on the
// test's loop, and the fixture that sends through a client.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/url.h"
#include "runtime/http_client.h"
#include "runtime/http_server.h"

namespace weir::runtime::testing {

using namespace std::chrono_literals;

inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Until the end of a head; what came beyond it stays in the string.
inline std::string receive_head(int fd) {
  std::string all;
  char buffer[4096];
  while (!all.contains("\r\n\r\n")) {
    const auto n = ::recv(fd, buffer, sizeof(buffer), 0);
    if (n <= 0) break;
    all.append(buffer, static_cast<std::size_t>(n));
  }
  return all;
}

inline void reset(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/// A server of raw bytes on a port of its own: each connection runs the script on its own thread.
class RawServer {
 public:
  explicit RawServer(std::function<void(int fd)> script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept(); });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (auto& connection : connections_) connection.join();
    ::close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  [[nodiscard]] http::Origin origin() const {
    return {.tls = false, .host = "127.0.0.1", .port = port_};
  }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void accept() {
    while (true) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      ++accepted_;
      connections_.emplace_back([this, fd] {
        timeval limit{.tv_sec = 20, .tv_usec = 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        script_(fd);
        ::close(fd);
      });
    }
  }
  std::function<void(int)> script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
  std::vector<std::thread> connections_;
};

inline std::uint64_t number(std::string_view target, std::string_view name) {
  return std::strtoull(http::query_value(target, name).value_or("0").c_str(), nullptr, 10);
}

/// The handler of our own server, on the test's loop: /missing, /sleep?ms=, /big?bytes=,
/// /chunks?bytes=; else the request's body, or "hello".
inline asio::awaitable<void> answer(Exchange* exchange, std::set<std::string>* clients) {
  const auto& request = exchange->request();
  clients->insert(exchange->client_address());
  const auto path = http::path_of(request.target);
  http::Response response;
  response.status = path == "/missing" ? 404 : 200;
  response.headers.add("X-Target", request.target);
  if (path == "/sleep")
    co_await exchange->sleep(std::chrono::milliseconds(number(request.target, "ms")));
  if (path == "/big" || path == "/chunks") {
    auto left = number(request.target, "bytes");
    if (path == "/big") co_await exchange->send_head(std::move(response), left);
    else co_await exchange->send_head(std::move(response), std::nullopt);
    while (left > 0) {
      const auto n = std::min<std::uint64_t>(left, 200'000);
      if (!co_await exchange->send_body(std::string(n, 'b'))) co_return;
      left -= n;
    }
    co_await exchange->finish();
    co_return;
  }
  response.body = request.body.empty() ? "hello" : request.body;
  co_await exchange->respond(std::move(response));
}

class CountingSink final : public ResponseSink {
 public:
  void on_head(const http::Response& head) override { status = head.status; }
  [[nodiscard]] bool on_body(std::string_view bytes) override {
    count += bytes.size();
    largest = std::max(largest, bytes.size());
    return count < stop_at;
  }
  int status = 0;
  std::uint64_t count = 0;
  std::uint64_t stop_at = ~std::uint64_t{0};
  std::size_t largest = 0;
};

/// A body of that many bytes.
inline std::string filler(std::size_t bytes) { return std::string(bytes, 'x'); }

/// Keeps the result of a send that runs on the loop.
struct Pending {
  CollectingSink sink;
  std::optional<Result<void>> result;
};

/// A client, and our own server if asked, on the test's loop.
class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override { make_client({}); }
  void TearDown() override {
    client_->stop();
    if (server_) asio::co_spawn(io_, server_->stop(0ms), asio::detached);
    io_.restart();
    io_.run();
    EXPECT_EQ(client_->sends_running(), 0U);
  }
  void make_client(HttpClient::Options options) {
    client_ = std::make_unique<HttpClient>(io_, std::move(options));
  }
  http::Origin serve(HttpServer::Options options = {}) {
    auto created = HttpServer::create(io_, std::move(options), [this](Exchange* exchange) {
      return answer(exchange, &clients_);
    });
    EXPECT_TRUE(created);
    server_ = *std::move(created);
    return {.tls = false, .host = "127.0.0.1", .port = server_->port()};
  }
  static ClientRequest get(http::Origin origin, std::string target) {
    ClientRequest request;
    request.origin = std::move(origin);
    request.plan.target = std::move(target);
    request.idle_timeout = request.connect_timeout = 5s;
    request.total_timeout = 60s;
    return request;
  }
  static ClientRequest post(http::Origin origin, std::string target, std::string body) {
    auto request = get(std::move(origin), std::move(target));
    request.plan.method = http::Method::kPost;
    request.plan.body.emplace_back(std::move(body));
    return request;
  }
  void start(ClientRequest request, ResponseSink* sink, std::optional<Result<void>>* result) {
    asio::co_spawn(io_, client_->send(std::move(request), sink),
                   [result](const std::exception_ptr& thrown, Result<void> sent) {
                     EXPECT_FALSE(thrown);
                     *result = std::move(sent);
                   });
  }
  Result<void> send(ClientRequest request, ResponseSink* sink) {
    std::optional<Result<void>> result;
    start(std::move(request), sink, &result);
    io_.restart();
    while (!result && io_.run_one() > 0) {
    }
    return result.value_or(fail(ErrorKind::kInternal, "the loop ran out of work"));
  }
  // Sends and expects this error.
  void expect(ErrorKind kind, std::string_view text, ClientRequest request) {
    CollectingSink sink;
    const auto sent = send(std::move(request), &sink);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().kind, kind) << sent.error().text();
    EXPECT_TRUE(sent.error().message.contains(text)) << sent.error().text();
  }

  asio::io_context io_{1};
  std::set<std::string> clients_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpClient> client_;
};

}  // namespace weir::runtime::testing
