#include "runtime/http_client.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/http_client_testing.h"

namespace weir::runtime::testing {
namespace {

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

// --- Stop and cancel

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
  start(post(server.origin(), "/upload", filler(50'000'000)), &pending.sink, &pending.result);
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
    asio::co_spawn(io_, client_->send(post(server.origin(), "/", filler(body)), &pending.sink),
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
    const auto sent = send(post(server.origin(), "/", filler(body)), &sink);
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
    asio::co_spawn(*io, client->send(post(server.origin(), "/", filler(20'000'000)), &sink),
                   [](const std::exception_ptr&, const Result<void>&) {});
  io->run_for(50ms);
  EXPECT_EQ(client->sends_running(), 4U);
  client.reset();
  io.reset();
}

}  // namespace
}  // namespace weir::runtime::testing
