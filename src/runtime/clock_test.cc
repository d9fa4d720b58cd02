#include "runtime/clock.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "runtime/http_client.h"
#include "runtime/http_server.h"
#include "runtime/random.h"

namespace weir::runtime {
namespace {

using namespace std::chrono_literals;

asio::awaitable<void> answer(Exchange* exchange, ScaledClock* clock) {
  http::Response response;
  const bool known = exchange->request().target == "/_sim/clock";
  response.status = known ? 200 : 404;
  if (known) response.body = clock->reading_json();
  if (exchange->request().target == "/bad/_sim/clock") {
    response.status = 200;
    response.body = R"({"now":"yesterday","scale":1})";
  }
  co_await exchange->respond(std::move(response));
}

// A simulator that only tells the time, on its own thread.
class SimulatedClockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = *HttpServer::create(
        io_, {}, [this](Exchange* exchange) { return answer(exchange, &source_); });
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    asio::co_spawn(io_, server_->stop(0ms), [](const std::exception_ptr&) {});
    thread_.join();
  }
  asio::io_context io_{1};
  ScaledClock source_{*parse_rfc3339("2026-01-31T00:00:00Z"), 600};
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

TEST(SystemClock, NeverGoesBackAndIsNow) {
  SystemClock clock;
  const auto first = clock.now();
  auto latest = first;
  for (int i = 0; i < 1000; ++i) {
    const auto now = clock.now();
    EXPECT_GE(now, latest);
    latest = now;
  }
  EXPECT_LT(std::chrono::system_clock::now() - first, 10s);
  EXPECT_EQ(clock.to_real(1ms), 1'000'000ns);
  EXPECT_EQ(clock.to_real(-1ms), 0ns);
}

TEST(ScaledClock, RunsFaster) {
  const auto epoch = *parse_rfc3339("2026-01-31T00:00:00Z");
  ScaledClock clock(epoch, 600);
  std::this_thread::sleep_for(20ms);
  const auto passed = clock.now() - epoch;
  EXPECT_GE(passed, 12s);
  EXPECT_LT(passed, 600s);
  EXPECT_EQ(clock.to_real(600s), 1s);
  EXPECT_EQ(clock.to_real(1us), 2ns);  // rounded up: a sleeper must not wake too early
  EXPECT_GT(clock.to_real(Duration::max()), std::chrono::hours(24));
  EXPECT_EQ(ScaledClock(epoch, -1).scale(), 1.0);
}

TEST_F(SimulatedClockTest, FollowsTheSimulator) {
  for (const std::string& url :
       {server_->url(), "sim:" + server_->url() + "/", server_->url() + "/_sim/clock"}) {
    auto clock = SimulatedClock::create(url);
    ASSERT_TRUE(clock) << clock.error().text();
    EXPECT_EQ((*clock)->scale(), 600);
    const auto before = source_.now();
    const auto now = (*clock)->now();
    // Half a round trip of error at most: 50 ms real are 30 s virtual.
    EXPECT_LT(now - before, 30s);
    EXPECT_LT(before - now, 30s);
    std::this_thread::sleep_for(20ms);
    EXPECT_GE((*clock)->now() - now, 12s);
  }
}

TEST_F(SimulatedClockTest, RefreshNeverGoesBack) {
  auto clock = *SimulatedClock::create(server_->url());
  SimulatedClock ahead(http::parse_url(server_->url() + "/_sim/clock").value(),
                       {.now = clock->now() + std::chrono::hours(1),
                        .scale = 600,
                        .at = std::chrono::steady_clock::now()});
  const auto before = ahead.now();
  asio::io_context io(1);
  HttpClient client(io, {});
  bool refreshed = false;
  asio::co_spawn(io, ahead.refresh(&client),
                 [&](const std::exception_ptr&, const Result<void>& result) {
                   refreshed = result.has_value();
                   client.stop();
                 });
  io.run();
  EXPECT_TRUE(refreshed);
  EXPECT_EQ(ahead.now(), before);
}

TEST_F(SimulatedClockTest, CreateSaysWhatIsWrong) {
  const auto kind = [](std::string_view url) { return SimulatedClock::create(url).error().kind; };
  EXPECT_EQ(kind("http://example.com:80"), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind("http://192.168.0.1"), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind("https://127.0.0.1"), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind("nonsense"), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind("http://127.0.0.1:1"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind(server_->url() + "/elsewhere"), ErrorKind::kBadResponse);
  EXPECT_EQ(kind(server_->url() + "/bad"), ErrorKind::kBadResponse);
}

TEST(SimulatedClock, ReadingsAreChecked) {
  const auto good = SimulatedClock::parse_reading(
      R"({"now":"2026-01-31T01:02:03.000004Z","scale":0.5,"more":1})");
  ASSERT_TRUE(good);
  EXPECT_EQ(to_rfc3339(good->now), "2026-01-31T01:02:03.000004Z");
  EXPECT_EQ(good->scale, 0.5);
  for (const std::string_view bad :
       {"", "[]", R"({"scale":1})", R"({"now":"2026-01-31T01:02:03Z"})",
        R"({"now":"2026-01-31T01:02:03Z","scale":0})",
        R"({"now":"2026-01-31T01:02:03Z","scale":601})", R"({"now":1,"scale":1})"}) {
    const auto reading = SimulatedClock::parse_reading(bad);
    ASSERT_FALSE(reading) << bad;
    EXPECT_EQ(reading.error().kind, ErrorKind::kBadResponse);
  }
}

TEST(MakeClock, ReadsTheFlag) {
  EXPECT_EQ((*make_clock("system"))->scale(), 1.0);
  EXPECT_EQ(make_clock("moon").error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(make_clock("sim:http://127.0.0.1:1").error().kind, ErrorKind::kUnavailable);
}

TEST(SystemRandom, DoesNotRepeat) {
  SystemRandom random;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.next());
  EXPECT_EQ(seen.size(), 1000U);
}

}  // namespace
}  // namespace weir::runtime
