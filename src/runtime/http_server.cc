#include "runtime/http_server.h"

#include <fmt/format.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <exception>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/http_io.h"
#include "runtime/http_server_request.h"
#include "runtime/http_server_session.h"

namespace weir::runtime {

using internal::after;
using internal::BodyBudget;
using internal::Code;
using internal::kTick;
using internal::kToken;
using internal::Session;
using internal::Socket;
using internal::Steady;
using internal::tcp;
using internal::text_of;
using internal::Timer;

namespace {

using Listener = asio::basic_socket_acceptor<tcp, internal::Executor>;

// After the grace of stop(), sockets are closed; a handler that waits for something else is
// cancelled after this.
constexpr auto kCancelAfter = std::chrono::milliseconds(500);

}  // namespace

// Listens, starts a session for each connection, and watches over their time.
class HttpServer::Acceptor : public std::enable_shared_from_this<HttpServer::Acceptor> {
 public:
  Acceptor(asio::io_context& io, Options options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        io_(io),
        listener_(io.get_executor()),
        event_(io.get_executor(), Steady::time_point::max()),
        ticker_(io.get_executor()) {
    budget_.max = options_.bodies_bytes_max;
  }

  Result<void> listen();
  static asio::awaitable<void> stop(std::shared_ptr<Acceptor> self,
                                    std::chrono::milliseconds grace);
  /// Without waiting, for a server that is destroyed.
  void close_all();
  [[nodiscard]] const tcp::endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] std::size_t connections() const { return sessions_.size(); }

 private:
  static asio::awaitable<void> accept(std::shared_ptr<Acceptor> self);
  void start_session(Socket socket);
  void make_room();
  void start_ticking();
  asio::awaitable<void> wait_for_sessions(Steady::time_point deadline);

  const Options options_;
  const Handler handler_;
  asio::io_context& io_;
  BodyBudget budget_;
  Listener listener_;
  tcp::endpoint endpoint_;
  std::unordered_set<Session*> sessions_;
  bool stopping_ = false;
  bool accepting_ = false;
  bool ticking_ = false;
  Timer event_;  // cancel() wakes the accept loop and stop() to look again
  Timer ticker_;
};

Result<void> HttpServer::Acceptor::listen() {
  Code ec;
  const auto address =
      asio::ip::make_address(options_.host == "localhost" ? "127.0.0.1" : options_.host, ec);
  if (ec)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("cannot listen on '{}': it is no IP address", options_.host),
                "use 127.0.0.1 for this machine only, 0.0.0.0 for every address");
  const tcp::endpoint wanted(address, options_.port);
  listener_.open(wanted.protocol(), ec);
  if (!ec) listener_.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) listener_.bind(wanted, ec);
  if (!ec) listener_.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) endpoint_ = listener_.local_endpoint(ec);
  if (ec)
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot listen on {}: {}", text_of(wanted), ec.message()),
                "choose another port, or 0 for any free one");
  accepting_ = true;
  asio::co_spawn(io_, accept(shared_from_this()),
                 [self = shared_from_this()](const std::exception_ptr&) {
                   self->accepting_ = false;
                   self->event_.cancel();
                 });
  return {};
}

asio::awaitable<void> HttpServer::Acceptor::accept(std::shared_ptr<Acceptor> self) {
  while (!self->stopping_) {
    if (self->sessions_.size() >= self->options_.connections_max) {
      self->make_room();
      co_await self->event_.async_wait(kToken);
      continue;
    }
    auto [ec, socket] = co_await self->listener_.async_accept(kToken);
    if (self->stopping_) break;
    if (!ec) {
      self->start_session(std::move(socket));
      continue;
    }
    // Out of descriptors, say: it passes when connections close, and trying at once would spin.
    Timer pause(self->io_.get_executor(), kTick);
    co_await pause.async_wait(kToken);
  }
}

void HttpServer::Acceptor::start_session(Socket socket) {
  auto session = std::make_shared<Session>(std::move(socket), options_, &budget_);
  sessions_.insert(session.get());
  start_ticking();
  auto* running = session.get();
  asio::co_spawn(
      io_, running->run(&handler_),
      asio::bind_cancellation_slot(
          running->cancellation_slot(),
          [self = shared_from_this(), session = std::move(session)](const std::exception_ptr&) {
            session->end();
            self->sessions_.erase(session.get());
            self->event_.cancel();
          }));
}

void HttpServer::Acceptor::make_room() {
  Session* oldest = nullptr;
  for (auto* session : sessions_)
    if (session->idle() &&
        (oldest == nullptr || session->phase_started() < oldest->phase_started()))
      oldest = session;
  if (oldest != nullptr) oldest->end();
}

void HttpServer::Acceptor::start_ticking() {
  if (ticking_) return;
  ticking_ = true;
  ticker_.expires_after(kTick);
  ticker_.async_wait([weak = weak_from_this()](const Code& ec) {
    const auto self = weak.lock();
    if (!self || ec) return;
    self->ticking_ = false;
    const auto now = Steady::now();
    for (auto* session : self->sessions_) session->check(now);
    // A full house looks again for someone idle.
    if (self->sessions_.size() >= self->options_.connections_max) self->event_.cancel();
    if (!self->sessions_.empty()) self->start_ticking();
  });
}

asio::awaitable<void> HttpServer::Acceptor::wait_for_sessions(Steady::time_point deadline) {
  Timer pause(io_.get_executor());
  while ((!sessions_.empty() || accepting_) && Steady::now() < deadline) {
    pause.expires_after(std::chrono::milliseconds(5));
    co_await pause.async_wait(kToken);
  }
}

asio::awaitable<void> HttpServer::Acceptor::stop(std::shared_ptr<Acceptor> self,
                                                 std::chrono::milliseconds grace) {
  self->stopping_ = true;
  Code ignored;
  self->listener_.close(ignored);
  self->event_.cancel();
  for (auto* session : self->sessions_) session->retire();
  co_await self->wait_for_sessions(after(grace));
  for (auto* session : self->sessions_) session->end();
  co_await self->wait_for_sessions(Steady::now() + kCancelAfter);
  const std::vector<Session*> stuck(self->sessions_.begin(), self->sessions_.end());
  for (auto* session : stuck) session->cancel_handler();
  co_await self->wait_for_sessions(Steady::time_point::max());
  self->ticker_.cancel();
}

void HttpServer::Acceptor::close_all() {
  stopping_ = true;
  Code ignored;
  listener_.close(ignored);
  event_.cancel();
  ticker_.cancel();
  for (auto* session : sessions_) session->end();
}

HttpServer::HttpServer(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}

HttpServer::~HttpServer() { acceptor_->close_all(); }

Result<std::unique_ptr<HttpServer>> HttpServer::create(asio::io_context& io, Options options,
                                                       Handler handler) {
  auto acceptor = std::make_shared<Acceptor>(io, std::move(options), std::move(handler));
  if (auto listening = acceptor->listen(); !listening)
    return std::unexpected(std::move(listening).error());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(acceptor)));
}

std::uint16_t HttpServer::port() const { return acceptor_->endpoint().port(); }

std::string HttpServer::url() const { return "http://" + text_of(acceptor_->endpoint()); }

asio::awaitable<void> HttpServer::stop(std::chrono::milliseconds grace) {
  return Acceptor::stop(acceptor_, grace);
}

std::size_t HttpServer::connections_open() const { return acceptor_->connections(); }

}  // namespace weir::runtime
