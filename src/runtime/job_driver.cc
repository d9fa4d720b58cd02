#include "runtime/job_driver.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "runtime/mapped_journal.h"

namespace weir::runtime {
namespace {

// Answers to steps and sync requests are whole in memory; a row of 32 MB with its escapes still fits.
constexpr std::uint64_t kAnswerBytesMax = 64U << 20;
constexpr std::uint64_t kRowsBytesMax = std::uint64_t{1} << 40;
// An image of 256 MB over a slow line takes longer than any single answer.
constexpr std::chrono::minutes kUploadTimeout{60};
constexpr std::chrono::milliseconds kPulse{100};

// Rows go to the engine as they arrive; anything but a 200 is kept whole, as an ordinary answer.
class CallSink final : public ResponseSink {
 public:
  CallSink(engine::JobEngine& engine, RuntimeClock& clock, std::uint64_t call, bool rows)
      : engine_(engine), clock_(clock), call_(call), rows_(rows) {}

  void on_head(const http::Response& head) override { response = head; }
  bool on_body(std::string_view bytes) override {
    if (!streaming()) {
      response.body += bytes;
      return true;
    }
    auto go_on = engine_.on_rows(call_, bytes, clock_.now());
    stopped = !go_on.value_or(false);
    if (!go_on) broken = std::move(go_on).error();
    return !stopped;
  }
  [[nodiscard]] bool streaming() const { return rows_ && response.status == 200; }

  http::Response response;
  std::optional<Error> broken;  // the engine could not take the rows
  bool stopped = false;

 private:
  engine::JobEngine& engine_;
  RuntimeClock& clock_;
  std::uint64_t call_;
  bool rows_;
};

}  // namespace

JobDriver::JobDriver(asio::io_context& io, HttpClient& client, RuntimeClock& clock,
                     engine::JobEngine& engine, MappedJournal& journal, Options options)
    : io_(io),
      client_(client),
      clock_(clock),
      engine_(engine),
      journal_(journal),
      options_(std::move(options)),
      wake_(io),
      pulse_(io) {}

void JobDriver::wake() {
  event_ = true;
  wake_.cancel();
}

void JobDriver::drain() {
  engine_.drain();
  wake();
}

void JobDriver::abandon() {
  drain();
  client_.stop();
}

void JobDriver::settle(Result<void> outcome) {
  if (!outcome && !broken_) broken_ = std::move(outcome).error();
  event_ = true;
  wake_.cancel();
}

asio::awaitable<void> JobDriver::perform(engine::Call call) {
  const bool rows = call.kind == engine::Call::Kind::kRows;
  const bool step = call.kind == engine::Call::Kind::kBatchStep;
  ClientRequest request{.origin = options_.origin, .plan = std::move(call.plan)};
  set_origin(request, options_.origin);
  if (step) request.image_path = call.image_path;
  request.response_bytes_max = rows ? kRowsBytesMax : kAnswerBytesMax;
  request.idle_timeout = options_.request_timeout;
  request.total_timeout =
      call.kind == engine::Call::Kind::kSync || call.kind == engine::Call::Kind::kContent
          ? options_.request_timeout
          : std::max<std::chrono::milliseconds>(kUploadTimeout, options_.request_timeout);
  CallSink sink(engine_, clock_, call.id, rows);
  Result<void> sent;
  if (request.plan.access_token) {
    WEIR_ASSERT(options_.tokens != nullptr);
    sent = co_await options_.tokens->send(std::move(request), &sink);
  } else {
    sent = co_await client_.send(std::move(request), &sink);
  }
  --running_;
  if (sink.broken) {
    settle(std::unexpected(*sink.broken));
  } else if (sink.stopped) {
    settle({});  // the engine has had enough, and gone on by itself
  } else if (!sent) {
    settle(engine_.on_failure(call.id, sent.error(), clock_.now()));
  } else if (sink.streaming()) {
    settle(engine_.on_rows_end(call.id, clock_.now()));
  } else {
    settle(engine_.on_answer(call.id, std::move(sink.response), clock_.now()));
  }
}

// Ten times a second: the journal to the disk, what is settled to the store, progress to people.
asio::awaitable<void> JobDriver::beat() {
  boost::system::error_code ignored;
  auto last = std::chrono::steady_clock::now();
  for (int count = 0; !stopping_; ++count) {
    pulse_.expires_after(kPulse);
    co_await pulse_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (stopping_) break;
    const auto now = std::chrono::steady_clock::now();
    engine_.add_wall(std::chrono::duration_cast<Duration>(now - last));
    last = now;
    if (auto synced = journal_.sync(); !synced) settle(std::move(synced));
    if (engine_.unsettled()) {
      auto flushed = engine_.flush();
      if (!flushed) settle(std::move(flushed));
    }
    if (count % 2 == 0 && options_.on_progress) options_.on_progress();
  }
  --running_;
}

asio::awaitable<Result<void>> JobDriver::run() {
  boost::system::error_code ignored;
  ++running_;
  asio::co_spawn(io_, beat(), asio::detached);
  engine_.on_room([this] { settle({}); });
  while (!broken_) {
    event_ = false;
    auto turn = engine_.turn(clock_.now());
    if (!turn) {
      broken_ = std::move(turn).error();
      break;
    }
    for (auto& call : turn->calls) {
      ++running_;
      asio::co_spawn(io_, perform(std::move(call)), asio::detached);
    }
    if (turn->done && turn->calls.empty() && running_ == 1) break;
    if (event_) continue;
    if (turn->wake_at) {
      const auto now = clock_.now();
      const auto wait =
          *turn->wake_at > now ? clock_.to_real(*turn->wake_at - now) : std::chrono::nanoseconds(0);
      wake_.expires_after(std::min<std::chrono::nanoseconds>(wait, std::chrono::hours(1)));
    } else {
      wake_.expires_after(std::chrono::hours(1));
    }
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  stopping_ = true;
  engine_.on_room({});
  pulse_.cancel();
  if (broken_) client_.stop();
  // Every task belongs to this scope: none outlives it.
  while (running_ > 0) {
    wake_.expires_after(std::chrono::milliseconds(5));
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  auto synced = journal_.sync();
  if (broken_) co_return std::unexpected(*broken_);
  co_return synced;
}

}  // namespace weir::runtime
