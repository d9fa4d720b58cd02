// What breaks, and its error kind.
#include <sys/socket.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/http_client_testing.h"

namespace weir::runtime::testing {
namespace {

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

}  // namespace
}  // namespace weir::runtime::testing
