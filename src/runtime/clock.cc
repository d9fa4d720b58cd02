#include "runtime/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>

#include "json/value.h"
#include "runtime/http_client.h"

namespace weir::runtime {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::nanoseconds;

// Beyond this over sockets, a round trip is longer than the events that it should order (design 5).
constexpr double kScaleMax = 600.0;
// The shortest of a few round trips says best when the other clock was read.
constexpr int kReadings = 5;

Duration scaled(nanoseconds real, double scale) {
  return Duration(static_cast<std::int64_t>(static_cast<double>(real.count()) * scale / 1000.0));
}

asio::awaitable<Result<SimulatedClock::Reading>> read_once(HttpClient* client, http::Url url) {
  ClientRequest request;
  request.origin = url.origin;
  request.plan.target = url.target;
  request.response_bytes_max = 64 * 1024;
  request.connect_timeout = request.idle_timeout = std::chrono::seconds(10);
  request.total_timeout = std::chrono::seconds(20);
  CollectingSink sink;
  const auto before = Steady::now();
  auto sent = co_await client->send(std::move(request), &sink);
  const auto after = Steady::now();
  if (!sent) co_return std::unexpected(std::move(sent).error());
  if (sink.response.status != 200)
    co_return fail(ErrorKind::kBadResponse,
                   fmt::format("{}{} answered {}: no simulator clock there", url.origin.text(),
                               url.target, sink.response.status),
                   "give the address that `weir sim` printed");
  auto reading = SimulatedClock::parse_reading(sink.response.body);
  if (reading) reading->at = before + (after - before) / 2;
  co_return reading;
}

// The first round trip includes the connect, so the best is one of the later ones.
asio::awaitable<Result<SimulatedClock::Reading>> read_best(HttpClient* client, http::Url url) {
  Result<SimulatedClock::Reading> best = fail(ErrorKind::kUnavailable, "no reading");
  auto shortest = nanoseconds::max();
  for (int i = 0; i < kReadings; ++i) {
    const auto start = Steady::now();
    auto reading = co_await read_once(client, url);
    if (!reading) co_return reading;
    if (Steady::now() - start >= shortest) continue;
    shortest = Steady::now() - start;
    best = std::move(reading);
  }
  co_return best;
}

Result<http::Url> clock_url(std::string_view text) {
  if (text.starts_with("sim:")) text.remove_prefix(4);
  auto url = http::parse_url(text);
  if (!url) return url;
  if (!is_loopback(url->origin.host) || url->origin.tls)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the clock at {} is not on this machine", url->origin.text()),
                "a simulator's clock is followed over http on 127.0.0.1, ::1 or localhost only");
  const auto base = http::path_of(url->target);
  const bool whole = base.ends_with("/_sim/clock");
  url->target = whole ? std::string(base) : http::join_path(base, "/_sim/clock");
  return url;
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (http::equal_ignoring_case(host, "localhost")) return true;
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(std::string(host), ec);
  return !ec && address.is_loopback();
}

nanoseconds RuntimeClock::to_real(Duration duration) const {
  if (duration <= Duration::zero()) return nanoseconds::zero();
  const double real = std::ceil(static_cast<double>(duration.count()) * 1000.0 / scale());
  constexpr auto kMax = static_cast<double>(std::numeric_limits<std::int64_t>::max() / 2);
  return nanoseconds(static_cast<std::int64_t>(std::min(real, kMax)));
}

Time SystemClock::now() {
  const auto micros = unix_micros(std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  auto latest = latest_micros_.load(std::memory_order_relaxed);
  while (latest < micros &&
         !latest_micros_.compare_exchange_weak(latest, micros, std::memory_order_relaxed)) {
  }
  return from_unix_micros(std::max(latest, micros));
}

ScaledClock::ScaledClock(Time epoch, double scale)
    : epoch_(epoch),
      scale_(scale > 0 && std::isfinite(scale) ? scale : 1.0),
      start_(Steady::now()) {}

Time ScaledClock::now() { return epoch_ + scaled(Steady::now() - start_, scale_); }

std::string ScaledClock::reading_json() {
  return fmt::format(R"({{"now":"{}","scale":{}}})", to_rfc3339(now()), scale_);
}

SimulatedClock::SimulatedClock(http::Url url, Reading reading)
    : url_(std::move(url)), reading_(reading) {}

Result<std::unique_ptr<SimulatedClock>> SimulatedClock::create(std::string_view url) {
  auto target = clock_url(url);
  if (!target) return std::unexpected(std::move(target).error());
  asio::io_context io(1);
  HttpClient client(io, {});
  Result<Reading> reading = fail(ErrorKind::kInternal, "the clock was not read");
  asio::co_spawn(io, read_best(&client, *target),
                 [&](const std::exception_ptr& thrown, Result<Reading> result) {
                   if (!thrown) reading = std::move(result);
                   client.stop();
                 });
  io.run();
  if (!reading) {
    auto error = std::move(reading).error();
    // Whether the question was heard is no matter of money here: either way nobody answered.
    if (error.kind == ErrorKind::kDeadlineExceeded) error.kind = ErrorKind::kUnavailable;
    return std::unexpected(std::move(error));
  }
  return std::make_unique<SimulatedClock>(*std::move(target), *reading);
}

Time SimulatedClock::now() {
  const std::lock_guard lock(mutex_);
  // The clock is read under the lock: else a later call could see the earlier moment.
  latest_ = std::max(latest_, reading_.now + scaled(Steady::now() - reading_.at, reading_.scale));
  return latest_;
}

double SimulatedClock::scale() const {
  const std::lock_guard lock(mutex_);
  return reading_.scale;
}

asio::awaitable<Result<void>> SimulatedClock::refresh(HttpClient* client) {
  auto reading = co_await read_best(client, url_);
  if (!reading) co_return std::unexpected(std::move(reading).error());
  const std::lock_guard lock(mutex_);
  reading_ = *reading;
  co_return Result<void>();
}

Result<SimulatedClock::Reading> SimulatedClock::parse_reading(std::string_view json) {
  json::Parser parser;
  const auto parsed = parser.parse(json);
  if (!parsed) return fail(ErrorKind::kBadResponse, "the simulator's clock is not JSON");
  const auto text = (*parsed)["now"].string();
  const auto time = text ? parse_rfc3339(*text) : std::nullopt;
  if (!time) return fail(ErrorKind::kBadResponse, "the simulator's clock has no RFC 3339 `now`");
  const auto scale = (*parsed)["scale"].number();
  if (!scale || !(*scale > 0) || *scale > kScaleMax)
    return fail(ErrorKind::kBadResponse,
                "the simulator's clock has no `scale` above 0 and up to 600");
  return Reading{.now = *time, .scale = *scale, .at = Steady::now()};
}

Result<std::unique_ptr<RuntimeClock>> make_clock(std::string_view text) {
  if (text.empty() || text == "system") return std::make_unique<SystemClock>();
  if (!text.starts_with("sim:"))
    return fail(ErrorKind::kInvalidArgument, fmt::format("'{}' is no clock", text.substr(0, 200)),
                "use system or sim:http://127.0.0.1:PORT");
  auto clock = SimulatedClock::create(text);
  if (!clock) return std::unexpected(std::move(clock).error());
  return *std::move(clock);
}

}  // namespace weir::runtime
