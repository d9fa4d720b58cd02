#include "runtime/http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/http_server.h"

namespace weir::runtime {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

// --- A server of raw bytes: each connection runs a script on its own thread
// ---------------------------------------

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Until the end of a head; what came beyond it stays in the string.
std::string receive_head(int fd) {
  std::string all;
  char buffer[4096];
  while (!all.contains("\r\n\r\n")) {
    const auto n = ::recv(fd, buffer, sizeof(buffer), 0);
    if (n <= 0) break;
    all.append(buffer, static_cast<std::size_t>(n));
  }
  return all;
}

void reset(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

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

// --- Our own server on the test's loop
// -----------------------------------------------------------------------------

std::uint64_t number(std::string_view target, std::string_view name) {
  return std::strtoull(http::query_value(target, name).value_or("0").c_str(), nullptr, 10);
}

asio::awaitable<void> answer(Exchange* exchange, std::set<std::string>* clients) {
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
    if (path == "/big")
      co_await exchange->send_head(std::move(response), left);
    else
      co_await exchange->send_head(std::move(response), std::nullopt);
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

// --- The fixture
// ---------------------------------------------------------------------------------------------------

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

// Keeps the result of a send that runs on the loop.
struct Pending {
  CollectingSink sink;
  std::optional<Result<void>> result;
};

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

// --- What works
// ----------------------------------------------------------------------------------------------------

TEST_F(HttpClientTest, RoundTripsReuseOneConnection) {
  const auto origin = serve();
  for (int i = 0; i < 20; ++i) {
    CollectingSink sink;
    const auto body = "body " + std::to_string(i);
    const auto sent = send(i % 2 ? post(origin, "/echo?x=1", body) : get(origin, "/hello"), &sink);
    ASSERT_TRUE(sent) << sent.error().text();
    EXPECT_EQ(sink.response.status, 200);
    EXPECT_EQ(sink.response.body, i % 2 ? body : "hello");
    EXPECT_EQ(sink.response.headers.find("x-target"), i % 2 ? "/echo?x=1" : "/hello");
  }
  EXPECT_EQ(clients_.size(), 1U);
}

TEST_F(HttpClientTest, ErrorStatusIsAResponseAndHeadHasNoBody) {
  const auto origin = serve();
  CollectingSink sink;
  ASSERT_TRUE(send(get(origin, "/missing"), &sink));
  EXPECT_EQ(sink.response.status, 404);
  auto head = get(origin, "/hello");
  head.plan.method = http::Method::kHead;
  CollectingSink none;
  ASSERT_TRUE(send(std::move(head), &none));
  EXPECT_EQ(none.response.headers.find("content-length"), "5");
  EXPECT_EQ(none.response.body, "");
  EXPECT_EQ(clients_.size(), 1U);
}

TEST_F(HttpClientTest, HundredAtOnceKeepToThePoolLimit) {
  HttpClient::Options options;
  options.connections_max = 7;
  make_client(std::move(options));
  const auto origin = serve();
  std::vector<std::unique_ptr<Pending>> pending;
  for (int i = 0; i < 100; ++i) {
    auto& one = *pending.emplace_back(std::make_unique<Pending>());
    start(post(origin, "/sleep?ms=2", std::to_string(i)), &one.sink, &one.result);
  }
  CollectingSink last;
  ASSERT_TRUE(send(post(origin, "/sleep?ms=50", "last"), &last));
  for (std::size_t i = 0; i < pending.size(); ++i) {
    ASSERT_TRUE(pending[i]->result && *pending[i]->result);
    EXPECT_EQ(pending[i]->sink.response.body, std::to_string(i));
  }
  EXPECT_EQ(clients_.size(), 7U);
}

TEST_F(HttpClientTest, FullQueueAndWaitInItAreUnavailable) {
  HttpClient::Options options;
  options.connections_max = 1;
  options.waiting_max = 1;
  make_client(std::move(options));
  const auto origin = serve();
  Pending busy, waiting;
  start(get(origin, "/sleep?ms=500"), &busy.sink, &busy.result);
  auto brief = get(origin, "/hello");
  brief.total_timeout = 100ms;
  start(std::move(brief), &waiting.sink, &waiting.result);
  io_.poll();
  expect(ErrorKind::kUnavailable, "wait for a connection already", get(origin, "/hello"));
  while (!busy.result && io_.run_one() > 0) {
  }
  ASSERT_TRUE(busy.result && *busy.result);
  ASSERT_TRUE(waiting.result && !*waiting.result);
  EXPECT_EQ(waiting.result->error().kind, ErrorKind::kUnavailable)
      << waiting.result->error().text();
}

TEST_F(HttpClientTest, LargeDownloadsStreamInSmallPieces) {
  const auto origin = serve();
  for (const std::string path : {"/big", "/chunks"}) {
    CountingSink sink;
    auto request = get(origin, path + "?bytes=150000001");
    request.response_bytes_max = 150'000'001;
    ASSERT_TRUE(send(std::move(request), &sink));
    EXPECT_EQ(sink.count, 150'000'001U);
    EXPECT_LE(sink.largest, 64U * 1024);
  }
  EXPECT_EQ(clients_.size(), 1U);
}

TEST_F(HttpClientTest, ResponseBeyondTheLimitIsBad) {
  const auto origin = serve();
  for (const std::string path : {"/big", "/chunks"}) {
    auto request = get(origin, path + "?bytes=1000001");
    request.response_bytes_max = 1'000'000;
    expect(ErrorKind::kBadResponse, "longer than 1000000 bytes", std::move(request));
  }
}

TEST_F(HttpClientTest, SinkMayStop) {
  const auto origin = serve();
  CountingSink sink;
  sink.stop_at = 1'000'000;
  auto request = get(origin, "/big?bytes=50000000");
  const auto sent = send(std::move(request), &sink);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::kCancelled);
  EXPECT_LT(sink.count, 1'100'000U);
  CollectingSink next;
  ASSERT_TRUE(send(get(origin, "/hello"), &next));
  EXPECT_EQ(clients_.size(), 2U);  // the stopped connection was not used again
}

// --- Uploads
// -------------------------------------------------------------------------------------------------------

class HttpClientUploadTest : public HttpClientTest {
 protected:
  void SetUp() override {
    HttpClientTest::SetUp();
    path_ = std::filesystem::temp_directory_path() / ("weir-upload-" + std::to_string(::getpid()));
    block_.resize(65'521);  // a prime: a shifted slice cannot look right
    for (std::size_t i = 0; i < block_.size(); ++i)
      block_[i] = static_cast<char>(i * 31 + (i >> 8));
  }
  void TearDown() override {
    HttpClientTest::TearDown();
    std::filesystem::remove(path_);
  }
  void write_image(std::uint64_t blocks) {
    std::ofstream out(path_, std::ios::binary);
    for (std::uint64_t i = 0; i < blocks; ++i) out << block_;
  }
  // How much of what comes on the socket is the image from `at` on.
  std::uint64_t matching(int fd, std::uint64_t at, std::uint64_t length) {
    const std::string twice = block_ + block_;
    std::string buffer(block_.size(), 0);
    std::uint64_t done = 0;
    while (done < length) {
      const auto n =
          ::recv(fd, buffer.data(), std::min<std::uint64_t>(buffer.size(), length - done), 0);
      if (n <= 0) break;
      const auto expected = twice.data() + (at + done) % block_.size();
      if (std::memcmp(buffer.data(), expected, static_cast<std::size_t>(n)) != 0) break;
      done += static_cast<std::uint64_t>(n);
    }
    return done;
  }
  static long peak_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
    return 0;
  }

  std::filesystem::path path_;
  std::string block_;
};

TEST_F(HttpClientUploadTest, FileSliceOf300MegabytesInBoundedMemory) {
  write_image(4700);
  constexpr std::uint64_t kOffset = 12'345, kLength = 300'000'000;
  std::atomic<std::uint64_t> matched{0};
  std::atomic<bool> head_right{false};
  const RawServer server([&](int fd) {
    std::string head;
    for (char c = 0; !head.ends_with("\r\n\r\n") && ::recv(fd, &c, 1, 0) == 1;) head += c;
    head_right = head.contains("Content-Length: 300000009\r\n");
    char frame[5];
    ::recv(fd, frame, 5, MSG_WAITALL);
    matched = matching(fd, kOffset, kLength);
    ::recv(fd, frame, 4, MSG_WAITALL);
    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  auto request = post(server.origin(), "/upload", "head ");
  request.plan.body.emplace_back(http::ImageSlice{kOffset, 100'000'001});
  request.plan.body.emplace_back(http::ImageSlice{kOffset + 100'000'001, kLength - 100'000'001});
  request.plan.body.emplace_back(std::string("tail"));
  request.image_path = path_;
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts again from here
  const auto before = peak_kib();
  CollectingSink sink;
  const auto sent = send(std::move(request), &sink);
  ASSERT_TRUE(sent) << sent.error().text();
  EXPECT_EQ(sink.response.body, "ok");
  EXPECT_TRUE(head_right);
  EXPECT_EQ(matched, kLength);
  EXPECT_LT(peak_kib() - before, 20'000);
}

TEST_F(HttpClientUploadTest, ImageThatIsMissingOrShortSendsNothing) {
  const auto origin = serve();
  auto request = post(origin, "/upload", "x");
  request.plan.body.emplace_back(http::ImageSlice{0, 100'000});
  request.image_path = path_;
  expect(ErrorKind::kInvalidArgument, "cannot read the batch image", request);
  write_image(1);
  expect(ErrorKind::kInvalidArgument, "65521 bytes, the request needs 100000", request);
  EXPECT_TRUE(clients_.empty());
}

TEST_F(HttpClientUploadTest, ImageThatShrinksUnderwayIsAnIncompleteRequest) {
  write_image(400);
  const RawServer server([&](int fd) {
    receive_head(fd);
    std::filesystem::resize_file(path_, 1'000'000);
    matching(fd, 0, 100'000'000);
    std::string rest(65536, 0);
    while (::recv(fd, rest.data(), rest.size(), 0) > 0) {
    }
  });
  auto request = post(server.origin(), "/upload", "x");
  request.plan.body.emplace_back(http::ImageSlice{0, 26'000'000});
  request.image_path = path_;
  expect(ErrorKind::kInvalidArgument, "became shorter", std::move(request));
}

TEST_F(HttpClientUploadTest, EarlyAnswersAreDelivered) {
  write_image(800);
  const std::string answer =
      "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig";
  for (const std::string way : {"closes", "resets", "waits", "half-closes"}) {
    std::atomic<bool> done{false};
    const RawServer server([&](int fd) {
      receive_head(fd);
      send_all(fd, answer);
      if (way == "resets") std::this_thread::sleep_for(50ms);
      if (way == "resets") reset(fd);
      if (way == "half-closes") ::shutdown(fd, SHUT_WR);
      if (way == "waits" || way == "half-closes")
        for (int i = 0; i < 500 && !done; ++i) std::this_thread::sleep_for(10ms);
    });
    auto request = post(server.origin(), "/upload", "x");
    request.plan.body.emplace_back(http::ImageSlice{0, 50'000'000});
    request.image_path = path_;
    CollectingSink sink;
    const auto sent = send(std::move(request), &sink);
    done = true;
    ASSERT_TRUE(sent) << way << ": " << sent.error().text();
    EXPECT_EQ(sink.response.status, 413) << way;
    EXPECT_EQ(sink.response.body, "big") << way;
  }
}

TEST_F(HttpClientUploadTest, OurServersRefusalReachesOurClient) {
  HttpServer::Options options;
  options.body_bytes_max = 1'000'000;
  const auto origin = serve(std::move(options));
  write_image(400);
  auto request = post(origin, "/upload", "x");
  request.plan.body.emplace_back(http::ImageSlice{0, 26'000'000});
  request.image_path = path_;
  CollectingSink sink;
  const auto sent = send(std::move(request), &sink);
  ASSERT_TRUE(sent) << sent.error().text();
  EXPECT_EQ(sink.response.status, 413);
}

// --- What breaks, and its error kind
// -------------------------------------------------------------------------------

TEST_F(HttpClientTest, NoConnectionIsUnavailable) {
  std::uint16_t closed_port = 0;
  {
    const RawServer gone([](int) {});
    closed_port = gone.origin().port;
  }
  expect(ErrorKind::kUnavailable, "nothing of the request was sent",
         get({.tls = false, .host = "127.0.0.1", .port = closed_port}, "/"));
  expect(ErrorKind::kUnavailable, "nothing of the request was sent",
         get({.tls = false, .host = "no-such-host.invalid", .port = 80}, "/"));
}

TEST_F(HttpClientTest, ServerThatSpeaksNoTlsIsUnavailable) {
  const RawServer server([](int fd) {
    char byte = 0;
    ::recv(fd, &byte, 1, 0);
    send_all(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  auto origin = server.origin();
  origin.tls = true;
  expect(ErrorKind::kUnavailable, "TLS failed", get(origin, "/"));
  const RawServer mute([](int fd) {
    char buffer[4096];
    while (::recv(fd, buffer, sizeof(buffer), 0) > 0) {
    }
  });
  auto slow = get(mute.origin(), "/");
  slow.origin.tls = true;
  slow.connect_timeout = 150ms;
  expect(ErrorKind::kUnavailable, "no connection within 150 ms", std::move(slow));
}

TEST_F(HttpClientTest, CloseAtEachStageIsAnUnknownOutcome) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> stages{
      {"", "no response came"},
      {"HTTP/1.1 200 OK\r\nContent-Le", "no response came"},
      {head, "0 bytes of the response body came"},
      {head + "01234", "5 bytes of the response body came"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
       "5 bytes of the response body came"},
      {"HTTP/1.1 100 Continue\r\n\r\n", "no response came"},
  };
  for (const bool with_reset : {false, true}) {
    for (const auto& [bytes, text] : stages) {
      const RawServer server([&](int fd) {
        receive_head(fd);
        send_all(fd, bytes);
        std::this_thread::sleep_for(20ms);
        if (with_reset) reset(fd);
      });
      expect(ErrorKind::kDeadlineExceeded, text, get(server.origin(), "/"));
    }
  }
}

TEST_F(HttpClientTest, TimeoutsSayWhichAndHowFar) {
  const RawServer mute([](int fd) {
    receive_head(fd);
    std::this_thread::sleep_for(400ms);
  });
  auto idle = get(mute.origin(), "/secret?sig=abc");
  idle.idle_timeout = 100ms;
  CollectingSink sink;
  const auto sent = send(std::move(idle), &sink);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_TRUE(sent.error().message.contains("no byte for 100 ms")) << sent.error().message;
  EXPECT_FALSE(sent.error().message.contains("sig=abc"));

  const RawServer slow([](int fd) {
    receive_head(fd);
    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 40 && send_all(fd, "x"); ++i) std::this_thread::sleep_for(20ms);
  });
  auto total = get(slow.origin(), "/");
  total.idle_timeout = 200ms;
  total.total_timeout = 400ms;
  expect(ErrorKind::kDeadlineExceeded, "longer than the 400 ms", std::move(total));
}

TEST_F(HttpClientTest, WhatIsNotHttpIsBad) {
  const std::vector<std::pair<std::string, std::string>> answers{
      {"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "not HTTP"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'a'), "too large"},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "interim"},
  };
  for (const auto& [bytes, text] : answers) {
    const RawServer server([&](int fd) {
      receive_head(fd);
      send_all(fd, bytes);
      char byte = 0;
      ::recv(fd, &byte, 1, 0);
    });
    expect(ErrorKind::kBadResponse, text, get(server.origin(), "/"));
  }
  const RawServer many([&](int fd) {
    receive_head(fd);
    send_all(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 3000; ++i)
      if (!send_all(fd, "X-Field: " + std::string(50, 'a') + "\r\n")) return;
  });
  expect(ErrorKind::kBadResponse, "too large", get(many.origin(), "/"));
}

TEST_F(HttpClientTest, InterimResponsesAreSkippedAndEndOfStreamEndsABody) {
  const RawServer server([](int fd) {
    receive_head(fd);
    send_all(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    send_all(fd, "HTTP/1.1 200 OK\r\n\r\nto the end");
  });
  CollectingSink sink;
  ASSERT_TRUE(send(get(server.origin(), "/"), &sink));
  EXPECT_EQ(sink.response.body, "to the end");
  EXPECT_FALSE(sink.response.headers.find("link"));
}

TEST_F(HttpClientTest, ConnectionsThatTheServerClosedAreNotUsedAgain) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  for (const std::string& bytes : {answer, answer + "HTTP/1.1 408 Request Timeout\r\n\r\n"}) {
    const RawServer server([&](int fd) {
      receive_head(fd);
      send_all(fd, bytes);
    });
    for (int i = 0; i < 3; ++i) {
      CollectingSink sink;
      const auto sent = send(get(server.origin(), "/"), &sink);
      ASSERT_TRUE(sent) << sent.error().text();
      std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(server.accepted(), 3);
  }
}

TEST_F(HttpClientTest, OldIdleConnectionsAreDropped) {
  HttpClient::Options options;
  options.idle_connection_age_max = 100ms;
  make_client(std::move(options));
  const auto origin = serve();
  CollectingSink sink;
  ASSERT_TRUE(send(get(origin, "/hello"), &sink));
  io_.restart();
  io_.run_for(300ms);
  EXPECT_EQ(server_->connections_open(), 0U);
  ASSERT_TRUE(send(get(origin, "/hello"), &sink));
  EXPECT_EQ(clients_.size(), 2U);
}

TEST_F(HttpClientTest, WhatCannotBeWrittenIsInvalid) {
  const auto origin = serve();
  auto split = get(origin, "/");
  split.plan.headers.add("X", "a\r\nInjected: 1");
  expect(ErrorKind::kInvalidArgument, "header X", std::move(split));
  auto name = get(origin, "/");
  name.plan.headers.add("a b", "c");
  expect(ErrorKind::kInvalidArgument, "cannot be sent", std::move(name));
  auto length = get(origin, "/");
  length.plan.headers.add("content-length", "5");
  expect(ErrorKind::kInvalidArgument, "content-length", std::move(length));
  expect(ErrorKind::kInvalidArgument, "target", get(origin, "/a b"));
  expect(ErrorKind::kInvalidArgument, "target", get(origin, "http://other/"));
  EXPECT_TRUE(clients_.empty());
}

TEST_F(HttpClientTest, PrivateAddressesAreRefusedWhereOnlyPublicOnesMayBe) {
  const auto origin = serve();
  for (const std::string host :
       {"127.0.0.1", "localhost", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1"}) {
    auto request = get({.tls = false, .host = host, .port = origin.port}, "/hello");
    request.public_addresses_only = true;
    expect(ErrorKind::kInvalidArgument, "private address", std::move(request));
  }
  EXPECT_TRUE(clients_.empty());
}

// --- Stop and cancel
// -----------------------------------------------------------------------------------------------

TEST_F(HttpClientTest, StopWhileBusyCancelsAllStages) {
  HttpClient::Options options;
  options.connections_max = 2;
  make_client(std::move(options));
  const auto origin = serve();
  Pending sleeping, downloading, waiting;
  start(get(origin, "/sleep?ms=60000"), &sleeping.sink, &sleeping.result);
  auto big = get(origin, "/big?bytes=100000000000");
  big.response_bytes_max = ~std::uint64_t{0};
  CountingSink count;
  start(std::move(big), &count, &downloading.result);
  start(get(origin, "/hello"), &waiting.sink, &waiting.result);
  io_.run_for(100ms);
  EXPECT_EQ(client_->sends_running(), 3U);
  client_->stop();
  io_.restart();
  io_.run_for(100ms);
  for (const auto* pending : {&sleeping, &downloading, &waiting}) {
    ASSERT_TRUE(pending->result && !*pending->result);
    EXPECT_EQ(pending->result->error().kind, ErrorKind::kCancelled)
        << pending->result->error().text();
  }
  EXPECT_TRUE(waiting.result->error().message.contains("nothing of the request was sent"));
  expect(ErrorKind::kCancelled, "stopped", get(origin, "/hello"));
}

TEST_F(HttpClientTest, StopDuringUploadJoinsTheWriter) {
  const RawServer server([](int fd) {
    receive_head(fd);
    std::this_thread::sleep_for(300ms);
  });
  Pending pending;
  start(post(server.origin(), "/upload", std::string(50'000'000, 'x')), &pending.sink,
        &pending.result);
  io_.run_for(100ms);
  EXPECT_FALSE(pending.result);
  client_->stop();
  io_.restart();
  io_.run_for(100ms);
  ASSERT_TRUE(pending.result && !*pending.result);
  EXPECT_EQ(pending.result->error().kind, ErrorKind::kCancelled);
}

TEST_F(HttpClientTest, CancelledCoroutinesReportAndJoin) {
  const RawServer server([](int fd) {
    receive_head(fd);
    std::this_thread::sleep_for(300ms);
  });
  for (const std::size_t body : {0U, 50'000'000U}) {
    Pending pending;
    asio::cancellation_signal cancel;
    bool done = false;
    asio::co_spawn(io_,
                   client_->send(post(server.origin(), "/", std::string(body, 'x')), &pending.sink),
                   asio::bind_cancellation_slot(
                       cancel.slot(), [&](const std::exception_ptr& thrown, Result<void> sent) {
                         EXPECT_FALSE(thrown);
                         pending.result = std::move(sent);
                         done = true;
                       }));
    io_.restart();
    io_.run_for(100ms);
    EXPECT_FALSE(done);
    cancel.emit(asio::cancellation_type::terminal);
    io_.restart();
    io_.run_for(100ms);
    ASSERT_TRUE(pending.result && !*pending.result);
    EXPECT_EQ(pending.result->error().kind, ErrorKind::kCancelled)
        << pending.result->error().text();
  }
}

class ThrowingSink final : public ResponseSink {
 public:
  void on_head(const http::Response&) override { throw std::runtime_error("sink failed"); }
  [[nodiscard]] bool on_body(std::string_view) override { return true; }
};

TEST_F(HttpClientTest, SinkThatThrowsEndsTheSendAndItsWriter) {
  const RawServer server([](int fd) {
    receive_head(fd);
    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    std::this_thread::sleep_for(50ms);
  });
  for (const std::size_t body : {0U, 50'000'000U}) {
    ThrowingSink sink;
    const auto sent = send(post(server.origin(), "/", std::string(body, 'x')), &sink);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().kind, ErrorKind::kInternal);
    EXPECT_EQ(client_->sends_running(), 0U);
  }
}

TEST_F(HttpClientTest, TimeoutsMayBeForever) {
  auto request = get(serve(), "/hello");
  request.connect_timeout = request.idle_timeout = request.total_timeout =
      std::chrono::milliseconds::max();
  CollectingSink sink;
  EXPECT_TRUE(send(std::move(request), &sink));
}

TEST_F(HttpClientTest, LoopMayBeTornDownAroundSends) {
  const RawServer server([](int fd) {
    receive_head(fd);
    std::this_thread::sleep_for(200ms);
  });
  auto io = std::make_unique<asio::io_context>(1);
  auto client = std::make_unique<HttpClient>(*io, HttpClient::Options{.connections_max = 2});
  CollectingSink sink;
  for (int i = 0; i < 4; ++i)
    asio::co_spawn(*io,
                   client->send(post(server.origin(), "/", std::string(20'000'000, 'x')), &sink),
                   [](const std::exception_ptr&, const Result<void>&) {});
  io->run_for(50ms);
  EXPECT_EQ(client->sends_running(), 4U);
  client.reset();
  io.reset();
}

// --- TLS
// -----------------------------------------------------------------------------------------------------------

template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, decltype([](T* p) { Free(p); })>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;

void extend(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate issue(EVP_PKEY* key, const char* name, X509* issuer, EVP_PKEY* issuer_key,
                  const char* names) {
  Certificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuer ? 2 : 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  X509_set_pubkey(made.get(), key);
  auto* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(made.get(), issuer ? X509_get_subject_name(issuer) : subject);
  extend(made.get(), issuer ? issuer : made.get(), NID_basic_constraints,
         issuer ? "CA:FALSE" : "critical,CA:TRUE");
  if (names) extend(made.get(), issuer, NID_subject_alt_name, names);
  X509_sign(made.get(), issuer_key, EVP_sha256());
  return made;
}

asio::awaitable<void> serve_tls(asio::ip::tcp::socket socket, asio::ssl::context* context) {
  asio::ssl::stream<asio::ip::tcp::socket> tls(std::move(socket), *context);
  co_await tls.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
  std::string received;
  while (true) {
    const auto head = co_await asio::async_read_until(tls, asio::dynamic_buffer(received),
                                                      "\r\n\r\n", asio::use_awaitable);
    const auto at = received.find("Content-Length: ");
    const auto length = at < head ? std::strtoull(received.c_str() + at + 16, nullptr, 10) : 0;
    if (received.size() < head + length)
      co_await asio::async_read(tls, asio::dynamic_buffer(received),
                                asio::transfer_exactly(head + length - received.size()),
                                asio::use_awaitable);
    const bool cut = received.starts_with("GET /cut");
    received.erase(0, head + length);
    if (cut) {  // no length, and the connection ends without TLS's farewell
      co_await asio::async_write(tls, asio::buffer("HTTP/1.1 200 OK\r\n\r\nhalf", 23),
                                 asio::use_awaitable);
      co_return;
    }
    const std::string body = std::to_string(length);
    const std::string response =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    co_await asio::async_write(tls, asio::buffer(response), asio::use_awaitable);
  }
}

asio::awaitable<void> accept_tls(asio::ip::tcp::acceptor* acceptor, asio::ssl::context* context,
                                 int* accepted) {
  while (true) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    ++*accepted;
    co_spawn(acceptor->get_executor(), serve_tls(std::move(socket), context),
             [](const std::exception_ptr&) {});
  }
}

class HttpClientTlsTest : public HttpClientTest {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("weir-tls-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    HttpClient::Options options;
    options.ca_file = folder_ / "ca.pem";
    make_client(std::move(options));
  }
  void TearDown() override {
    if (acceptor_) acceptor_->close();
    HttpClientTest::TearDown();
    std::filesystem::remove_all(folder_);
  }
  // @param names for example "DNS:localhost,IP:127.0.0.1"
  void start_server(const char* names) {
    ca_key_.reset(EVP_EC_gen("P-256"));
    key_.reset(EVP_EC_gen("P-256"));
    ca_ = issue(ca_key_.get(), "Weir test CA", nullptr, ca_key_.get(), nullptr);
    certificate_ = issue(key_.get(), "server", ca_.get(), ca_key_.get(), names);
    auto* file = std::fopen((folder_ / "ca.pem").c_str(), "w");
    PEM_write_X509(file, ca_.get());
    std::fclose(file);
    SSL_CTX_use_certificate(tls_.native_handle(), certificate_.get());
    SSL_CTX_use_PrivateKey(tls_.native_handle(), key_.get());
    acceptor_.emplace(io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    co_spawn(io_, accept_tls(&*acceptor_, &tls_, &accepted_), [](const std::exception_ptr&) {});
  }
  [[nodiscard]] http::Origin origin(std::string host) const {
    return {.tls = true, .host = std::move(host), .port = acceptor_->local_endpoint().port()};
  }

  std::filesystem::path folder_;
  Key ca_key_, key_;
  Certificate ca_, certificate_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  std::optional<asio::ip::tcp::acceptor> acceptor_;
  int accepted_ = 0;
};

TEST_F(HttpClientTlsTest, TrustedServerIsUsedAndKept) {
  start_server("DNS:localhost,IP:127.0.0.1");
  for (int i = 0; i < 5; ++i) {
    for (const std::string host : {"localhost", "127.0.0.1"}) {
      CollectingSink sink;
      const auto sent = send(post(origin(host), "/", "12345"), &sink);
      ASSERT_TRUE(sent) << sent.error().text();
      EXPECT_EQ(sink.response.body, "5");
    }
  }
  EXPECT_EQ(accepted_, 2);
  CollectingSink sink;
  ASSERT_TRUE(send(post(origin("localhost"), "/", std::string(20'000'000, 'x')), &sink));
  EXPECT_EQ(sink.response.body, "20000000");
}

TEST_F(HttpClientTlsTest, BodyCutWithoutFarewellIsAnUnknownOutcome) {
  start_server("DNS:localhost");
  expect(ErrorKind::kDeadlineExceeded, "4 bytes of the response body came",
         get(origin("localhost"), "/cut"));
}

TEST_F(HttpClientTlsTest, WrongHostIsRefused) {
  start_server("DNS:other.example,IP:127.0.0.2");
  expect(ErrorKind::kUnavailable, "hostname mismatch", get(origin("localhost"), "/"));
  expect(ErrorKind::kUnavailable, "IP address mismatch", get(origin("127.0.0.1"), "/"));
}

TEST_F(HttpClientTlsTest, UnknownAuthorityIsRefused) {
  start_server("DNS:localhost");
  make_client({});
  expect(ErrorKind::kUnavailable, "TLS failed", get(origin("localhost"), "/"));
}

TEST_F(HttpClientTlsTest, MissingAuthorityFileIsInvalid) {
  start_server("DNS:localhost");
  HttpClient::Options options;
  options.ca_file = folder_ / "none.pem";
  make_client(std::move(options));
  expect(ErrorKind::kInvalidArgument, "none.pem", get(origin("localhost"), "/"));
}

}  // namespace
}  // namespace weir::runtime
