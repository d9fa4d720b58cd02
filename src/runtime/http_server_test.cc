#include "runtime/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/url.h"

namespace weir::runtime {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

struct Seen {
  int requests = 0;
  std::vector<std::string> targets;
  bool sleep_cut_short = false;
  bool cancelled = false;
  std::string client;
};

asio::awaitable<void> answer(Exchange* exchange, Seen* seen) {
  ++seen->requests;
  const auto& request = exchange->request();
  seen->targets.push_back(request.target);
  seen->client = exchange->client_address();
  const auto path = http::path_of(request.target);
  http::Response response;
  response.status = 200;
  if (path == "/echo") {
    response.headers.add("X-Method", std::string(http::to_string(request.method)));
    response.headers.add("X-Bad", "a\r\nInjected: 1");
    response.body = request.body;
    co_await exchange->respond(std::move(response));
  } else if (path == "/chunks") {
    co_await exchange->send_head(std::move(response), std::nullopt);
    for (int i = 0; i < 3; ++i) co_await exchange->send_body("part" + std::to_string(i));
    co_await exchange->finish();
  } else if (path == "/length") {
    co_await exchange->send_head(std::move(response), 10);
    co_await exchange->send_body("01234");
    co_await exchange->send_body("56789");
    co_await exchange->finish();
  } else if (path == "/too-little") {
    co_await exchange->send_head(std::move(response), 10);
    co_await exchange->send_body("01234");
    co_await exchange->finish();
  } else if (path == "/too-much") {
    co_await exchange->send_head(std::move(response), 3);
    co_await exchange->send_body("01234");
  } else if (path == "/silent") {
    co_return;
  } else if (path == "/throw") {
    throw std::runtime_error("handler failed");
  } else if (path == "/abort") {
    exchange->abort();
  } else if (path == "/sleep") {
    const auto start = Steady::now();
    co_await exchange->sleep(std::chrono::milliseconds(
        std::atoi(http::query_value(request.target, "ms").value_or("0").c_str())));
    seen->sleep_cut_short = exchange->disconnected();
    response.body = std::to_string((Steady::now() - start) / 1ms);
    co_await exchange->respond(std::move(response));
  } else if (path == "/stuck") {  // waits for something that is not the exchange's
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    try {
      co_await timer.async_wait(asio::use_awaitable);
    } catch (...) {
      seen->cancelled = true;
      throw;
    }
  } else {
    response.status = 404;
    co_await exchange->respond(std::move(response));
  }
}

// A server on its own thread; the test talks to it in blocking raw bytes.
class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpServer::Options options = {}) {
    auto created = HttpServer::create(
        io_, std::move(options), [this](Exchange* exchange) { return answer(exchange, &seen_); });
    ASSERT_TRUE(created) << created.error().text();
    server_ = *std::move(created);
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    stop(0ms);
    for (const int fd : open_) ::close(fd);
  }
  void stop(std::chrono::milliseconds grace) {
    if (!thread_.joinable()) return;
    asio::co_spawn(io_, server_->stop(grace), [](const std::exception_ptr&) {});
    thread_.join();
  }
  int connect() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    open_.push_back(fd);
    return fd;
  }
  // Within five seconds.
  bool all_closed() {
    for (int i = 0; i < 250; ++i) {
      std::promise<std::size_t> open;
      asio::post(io_, [&] { open.set_value(server_->connections_open()); });
      if (open.get_future().get() == 0) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
  static bool send(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Until the server closes, or `until` stands at the end.
  static std::string receive(int fd, std::string_view until = {}) {
    std::string all;
    char buffer[65536];
    while (until.empty() || !all.ends_with(until)) {
      const auto n = ::recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      all.append(buffer, static_cast<std::size_t>(n));
    }
    return all;
  }
  std::string ask(std::string_view bytes, std::string_view until = {}) {
    const int fd = connect();
    send(fd, bytes);
    return receive(fd, until);
  }

  asio::io_context io_{1};
  Seen seen_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::vector<int> open_;
};

TEST_F(HttpServerTest, AnswersAndClosesWhenAsked) {
  start();
  const auto got =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(got.contains("X-Method: POST\r\n"));
  EXPECT_TRUE(got.contains("Content-Length: 5\r\n"));
  EXPECT_TRUE(got.contains("Connection: close\r\n"));
  EXPECT_FALSE(got.contains("Injected"));
  EXPECT_TRUE(got.ends_with("\r\n\r\nhello"));
  stop(0ms);
  EXPECT_TRUE(seen_.client.starts_with("127.0.0.1:"));
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  std::string requests;
  for (int i = 0; i < 50; ++i)
    requests +=
        "POST /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  requests += "GET /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const auto got = ask(requests);
  EXPECT_TRUE(got.ends_with("0123456789"));
  stop(0ms);
  ASSERT_EQ(seen_.targets.size(), 51U);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(seen_.targets[i], "/echo?" + std::to_string(i));
}

TEST_F(HttpServerTest, ChunksStreamAndHttp10EndsByClosing) {
  start();
  const auto got = ask("GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n", "0\r\n\r\n");
  EXPECT_TRUE(got.contains("Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(got.ends_with("\r\n\r\n5\r\npart0\r\n5\r\npart1\r\n5\r\npart2\r\n0\r\n\r\n")) << got;
  const auto old = ask("GET /chunks HTTP/1.0\r\n\r\n");
  EXPECT_FALSE(old.contains("chunked"));
  EXPECT_TRUE(old.ends_with("\r\n\r\npart0part1part2")) << old;
}

TEST_F(HttpServerTest, ChunkedRequestBodyArrivesWhole) {
  start();
  const auto got = ask(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n");
  EXPECT_TRUE(got.ends_with("\r\n\r\nabcdefg")) << got;
}

TEST_F(HttpServerTest, HeadHasLengthAndNoBody) {
  start();
  const auto got = ask("HEAD /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(got.contains("Content-Length: 10\r\n"));
  EXPECT_TRUE(got.ends_with("\r\n\r\n")) << got;
}

TEST_F(HttpServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
  start();
  const int fd = connect();
  send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(receive(fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  send(fd, "ok");
  EXPECT_TRUE(receive(fd, "ok").contains("200 OK"));
}

TEST_F(HttpServerTest, ExpectOfTooMuchIsRefusedWithoutTheBody) {
  HttpServer::Options options;
  options.body_bytes_max = 1000;
  start(std::move(options));
  const auto got =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
          "Too Large\n");
  EXPECT_TRUE(got.starts_with("HTTP/1.1 413 ")) << got;
  EXPECT_TRUE(got.contains("Connection: close\r\n"));
}

TEST_F(HttpServerTest, LongBodyIsRefusedWhileItIsSent) {
  HttpServer::Options options;
  options.body_bytes_max = 100'000;
  start(std::move(options));
  const int fd = connect();
  send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "4e20\r\n" + std::string(20'000, 'x') + "\r\n";
  for (int i = 0; i < 40; ++i) send(fd, chunk);
  EXPECT_TRUE(receive(fd).starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, BodiesTogetherAreBounded) {
  HttpServer::Options options;
  options.body_bytes_max = 8 << 20;
  options.bodies_bytes_max = 3 << 20;
  start(std::move(options));
  const std::string head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n";
  const int first = connect();
  send(first, head + std::string(1'500'000, 'x'));
  std::this_thread::sleep_for(100ms);
  const int second = connect();
  send(second, head + std::string(1'999'999, 'x'));
  EXPECT_TRUE(receive(second).starts_with("HTTP/1.1 503 "));
  send(first, std::string(500'000, 'x'));
  EXPECT_TRUE(receive(first, "x").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, BrokenRequestsGet4xxAndClose) {
  start();
  EXPECT_TRUE(ask("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask("GET /echo HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));  // no Host
  EXPECT_TRUE(ask("GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask("BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 501 "));
  EXPECT_TRUE(ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n")
                  .starts_with("HTTP/1.1 501 "));
  EXPECT_TRUE(ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n")
                  .starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx")
          .starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                  .starts_with("HTTP/1.1 400 "));
  stop(0ms);
  EXPECT_EQ(seen_.requests, 0);
}

TEST_F(HttpServerTest, LargeHeadIs431InOneFieldAndInMany) {
  start();
  const std::string start_line = "GET /echo HTTP/1.1\r\nHost: x\r\n";
  EXPECT_TRUE(ask(start_line + "X: " + std::string(70'000, 'a')).starts_with("HTTP/1.1 431 "));
  std::string many = start_line;
  for (int i = 0; i < 2000; ++i) many += "X-Field: " + std::string(50, 'a') + "\r\n";
  EXPECT_TRUE(ask(many + "\r\n").starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(ask("GET /" + std::string(70'000, 'a')).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(ask(start_line + "Connection: close\r\nX: " + std::string(60'000, 'a') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, WrongHandlersCutOrAnswer500) {
  start();
  const std::string end = " HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_TRUE(ask("GET /throw" + end).starts_with("HTTP/1.1 500 "));
  EXPECT_EQ(ask("GET /silent" + end), "");
  EXPECT_EQ(ask("GET /abort" + end), "");
  EXPECT_FALSE(ask("GET /too-little" + end).contains("\r\n\r\n0123456789"));
  EXPECT_EQ(ask("GET /too-much" + end), "");
}

TEST_F(HttpServerTest, SlowHeadAndIdleConnectionsAreClosed) {
  HttpServer::Options options;
  options.header_timeout = 200ms;
  options.idle_timeout = 400ms;
  start(std::move(options));
  const auto begin = Steady::now();
  EXPECT_EQ(ask("GET /echo HTTP/1.1\r\nHo"), "");
  EXPECT_EQ(ask(""), "");
  const int fd = connect();
  send(fd, "GET /length HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(receive(fd).ends_with("0123456789"));
  EXPECT_EQ(ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"), "");
  EXPECT_LT(Steady::now() - begin, 5s);
}

TEST_F(HttpServerTest, ClientThatReadsNothingIsDropped) {
  HttpServer::Options options;
  options.idle_timeout = 300ms;
  start(std::move(options));
  const int fd = connect();
  const int small = 4096;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  std::string large = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n";
  send(fd, large.append(30'000'000, 'x'));
  EXPECT_TRUE(all_closed());
}

TEST_F(HttpServerTest, SleepEndsWhenTheClientLeaves) {
  start();
  const int fd = connect();
  send(fd, "GET /sleep?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  ::shutdown(fd, SHUT_RDWR);
  EXPECT_TRUE(all_closed());
  stop(0ms);
  EXPECT_TRUE(seen_.sleep_cut_short);
}

TEST_F(HttpServerTest, ConnectionsAreBoundedAndIdleOnesMakeRoom) {
  HttpServer::Options options;
  options.connections_max = 2;
  start(std::move(options));
  const std::string request = "GET /length HTTP/1.1\r\nHost: x\r\n\r\n";
  std::vector<int> fds;
  for (int i = 0; i < 6; ++i) {
    fds.push_back(connect());
    send(fds.back(), request);
    EXPECT_TRUE(receive(fds.back(), "56789").ends_with("0123456789"));
  }
  EXPECT_EQ(receive(fds[0]), "");
}

TEST_F(HttpServerTest, StopLetsRunningExchangesEnd) {
  start();
  const int idle = connect();
  const int busy = connect();
  send(busy, "GET /sleep?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  const auto begin = Steady::now();
  stop(10s);
  EXPECT_LT(Steady::now() - begin, 5s);
  const auto got = receive(busy);
  EXPECT_TRUE(got.starts_with("HTTP/1.1 200 ")) << got;
  EXPECT_TRUE(got.contains("Connection: close\r\n"));
  EXPECT_EQ(receive(idle), "");
}

TEST_F(HttpServerTest, StopEndsSleepsAndStuckHandlersAfterTheGrace) {
  start();
  const int sleeping = connect();
  send(sleeping, "GET /sleep?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n");
  const int stuck = connect();
  send(stuck, "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  const auto begin = Steady::now();
  stop(100ms);
  EXPECT_LT(Steady::now() - begin, 5s);
  EXPECT_EQ(receive(sleeping), "");
  EXPECT_EQ(receive(stuck), "");
  EXPECT_TRUE(seen_.cancelled);
}

TEST_F(HttpServerTest, LoopMayBeTornDownAroundRunningExchanges) {
  auto io = std::make_unique<asio::io_context>(1);
  auto server =
      *HttpServer::create(*io, {}, [this](Exchange* exchange) { return answer(exchange, &seen_); });
  server_ = std::move(server);
  const int fd = connect();
  send(fd, "POST /sleep?ms=60000 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
  io->run_for(100ms);
  EXPECT_EQ(seen_.requests, 1);
  server_.reset();
  io.reset();
  EXPECT_EQ(receive(fd), "");
}

TEST(HttpServer, CreateSaysWhyItCannotListen) {
  asio::io_context io(1);
  HttpServer::Options named;
  named.host = "no-address";
  auto wrong = HttpServer::create(io, std::move(named), {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::kInvalidArgument);
  auto first = HttpServer::create(io, {}, {});
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->url(), "http://127.0.0.1:" + std::to_string((*first)->port()));
  HttpServer::Options same;
  same.port = (*first)->port();
  auto taken = HttpServer::create(io, std::move(same), {});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace weir::runtime
