#include "runtime/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <exception>
#include <iterator>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/http_client_connect.h"
#include "runtime/http_client_transfer.h"
#include "runtime/http_io.h"

namespace weir::runtime {

using internal::Code;
using internal::Connection;
using internal::Interrupt;
using internal::kTick;
using internal::kToken;
using internal::Steady;
using internal::Timer;
using internal::Transfer;

// Decides which send gets which connection, and when one has waited long enough.
class HttpClient::Pool : public std::enable_shared_from_this<HttpClient::Pool> {
 public:
  Pool(asio::io_context& io, Options options)
      : io_(io), options_(std::move(options)), ticker_(io.get_executor()) {}

  static asio::awaitable<Result<void>> send(std::shared_ptr<Pool> pool, ClientRequest request,
                                            ResponseSink* sink);
  void stop();
  [[nodiscard]] std::size_t running() const { return running_.size(); }

 private:
  struct OriginState {
    std::size_t active = 0;                         // transfers that hold a slot
    std::vector<std::unique_ptr<Connection>> idle;  // the freshest last
    std::deque<Transfer*> waiting;

    [[nodiscard]] bool unused() const { return active == 0 && idle.empty() && waiting.empty(); }
  };

  // Registers a transfer for as long as its coroutine lives, also when the event loop is torn down
  // around it.
  class Registration {
   public:
    Registration(Pool* pool, Transfer* transfer) : pool_(pool), transfer_(transfer) {
      pool_->running_.insert(transfer_);
    }
    ~Registration() {
      pool_->running_.erase(transfer_);
      pool_->release(transfer_);
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    Pool* pool_;
    Transfer* transfer_;
  };

  asio::awaitable<Result<void>> perform(Transfer* t);
  asio::awaitable<Result<void>> acquire(Transfer* t);
  asio::awaitable<Result<void>> connect(Transfer* t);
  void reuse_idle(Transfer* t);
  void release(Transfer* t);
  void start_ticking();
  void tick();

  asio::io_context& io_;
  const Options options_;
  std::map<std::string, OriginState> origins_;
  std::unordered_set<Transfer*> running_;
  std::optional<asio::ssl::context> tls_;  // made at the first TLS connection
  bool stopped_ = false;
  bool ticking_ = false;
  Timer ticker_;
};

asio::awaitable<Result<void>> HttpClient::Pool::send(std::shared_ptr<Pool> pool,
                                                     ClientRequest request, ResponseSink* sink) {
  // A cancelled coroutine must still join its writer and report: errors, not exceptions, from here
  // on.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  Result<void> result;
  {
    Transfer transfer(pool->io_, std::move(request), sink);
    Registration registration(pool.get(), &transfer);
    pool->start_ticking();
    try {
      result = co_await pool->perform(&transfer);
    } catch (const std::exception& thrown) {  // out of memory, or a sink that breaks its contract
      result = fail(ErrorKind::kInternal,
                    fmt::format("{}: {}; {}", transfer.name(), thrown.what(), transfer.progress()));
      transfer.reusable = false;
    }
    co_await internal::join_writer(&transfer);  // it uses the transfer, which ends here
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return result;
}

asio::awaitable<Result<void>> HttpClient::Pool::perform(Transfer* t) {
  if (auto prepared = internal::prepare(t, options_.user_agent); !prepared) co_return prepared;
  if (auto acquired = co_await acquire(t); !acquired) co_return acquired;
  reuse_idle(t);
  if (!t->connection)
    if (auto connected = co_await connect(t); !connected) co_return connected;
  t->connected = true;
  co_return co_await internal::exchange(t, options_.header_bytes_max);
}

asio::awaitable<Result<void>> HttpClient::Pool::acquire(Transfer* t) {
  if (stopped_) {
    t->interrupted = Interrupt::kStopped;
    co_return t->failure({});
  }
  auto& origin = origins_[t->request.origin.text()];
  if (origin.active < std::max<std::size_t>(options_.connections_max, 1)) {
    ++origin.active;
    t->has_slot = true;
    co_return Result<void>();
  }
  if (origin.waiting.size() >= options_.waiting_max)
    co_return fail(ErrorKind::kUnavailable,
                   fmt::format("{}: {} requests wait for a connection already; nothing was sent",
                               t->name(), origin.waiting.size()),
                   "raise connections_max or send slower");
  origin.waiting.push_back(t);
  co_await t->event.async_wait(kToken);
  if (t->has_slot && t->interrupted == Interrupt::kNone) co_return Result<void>();
  co_return t->failure(asio::error::operation_aborted);
}

void HttpClient::Pool::reuse_idle(Transfer* t) {
  auto& idle = origins_[t->request.origin.text()].idle;
  while (!idle.empty() && !t->connection) {
    auto connection = std::move(idle.back());
    idle.pop_back();
    const auto age = Steady::now() - connection->idle_since;
    if (age < options_.idle_connection_age_max && connection->usable())
      t->connection = std::move(connection);
  }
}

asio::awaitable<Result<void>> HttpClient::Pool::connect(Transfer* t) {
  asio::ssl::context* tls = nullptr;
  if (t->request.origin.tls) {
    if (!tls_) {
      auto made = internal::make_tls_context(options_.ca_file);
      if (!made) co_return std::unexpected(std::move(made).error());
      tls_.emplace(*std::move(made));
    }
    tls = &*tls_;
  }
  co_return co_await internal::connect(t, tls, options_.header_bytes_max);
}

// Gives the slot to the next in line and keeps the connection if another request may use it.
void HttpClient::Pool::release(Transfer* t) {
  const auto found = origins_.find(t->request.origin.text());
  if (found == origins_.end()) return;
  auto& origin = found->second;
  if (t->has_slot) {
    if (t->reusable && !stopped_ && origin.idle.size() < options_.idle_connections_max) {
      t->connection->idle_since = Steady::now();
      origin.idle.push_back(std::move(t->connection));
    }
    if (origin.waiting.empty()) {
      --origin.active;
    } else {
      auto* next = origin.waiting.front();
      origin.waiting.pop_front();
      next->has_slot = true;
      next->event.cancel();
    }
  } else {
    std::erase(origin.waiting, t);
  }
  if (origin.unused()) origins_.erase(found);
}

void HttpClient::Pool::start_ticking() {
  if (ticking_ || stopped_) return;
  ticking_ = true;
  ticker_.expires_after(kTick);
  ticker_.async_wait([weak = weak_from_this()](const Code& ec) {
    if (const auto pool = weak.lock(); pool && !ec) pool->tick();
  });
}

void HttpClient::Pool::tick() {
  ticking_ = false;
  const auto now = Steady::now();
  for (auto* t : running_) {
    if (now >= t->total_deadline) t->interrupt(Interrupt::kTotalTimeout);
    else if (now >= t->step_deadline) t->interrupt(Interrupt::kStepTimeout);
  }
  bool idle = false;
  for (auto it = origins_.begin(); it != origins_.end();) {
    auto& origin = it->second;
    std::erase_if(origin.idle, [&](const auto& connection) {
      return now - connection->idle_since >= options_.idle_connection_age_max;
    });
    idle = idle || !origin.idle.empty();
    it = origin.unused() ? origins_.erase(it) : std::next(it);
  }
  if (idle || !running_.empty()) start_ticking();
}

void HttpClient::Pool::stop() {
  stopped_ = true;
  ticker_.cancel();
  for (auto& [name, origin] : origins_) origin.idle.clear();
  for (auto* t : running_) t->interrupt(Interrupt::kStopped);
}

HttpClient::HttpClient(asio::io_context& io, Options options)
    : pool_(std::make_shared<Pool>(io, std::move(options))) {}

HttpClient::~HttpClient() { pool_->stop(); }

asio::awaitable<Result<void>> HttpClient::send(ClientRequest request, ResponseSink* sink) {
  return Pool::send(pool_, std::move(request), sink);
}

void HttpClient::stop() { pool_->stop(); }

std::size_t HttpClient::sends_running() const { return pool_->running(); }

}  // namespace weir::runtime
