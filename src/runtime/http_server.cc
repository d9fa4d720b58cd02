#include "runtime/http_server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>
#include <exception>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace weir::runtime {
namespace {

namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using Code = boost::system::error_code;
using Steady = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Listener = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<Steady, asio::wait_traits<Steady>, Executor>;
constexpr asio::as_tuple_t<asio::use_awaitable_t<>> kToken{};

// One coarse timer looks at all connections: re-arming a timer for each read and write costs more
// than the request.
constexpr auto kTick = std::chrono::milliseconds(50);
constexpr std::size_t kReadSmall = 16 * 1024;
constexpr std::size_t kReadLarge = 64 * 1024;
// A body's memory grows in doublings from here, whatever length the client promises.
constexpr std::uint64_t kBodyStep = 1 << 20;
// After the last answer the client gets this long to read it and close; an immediate close would
// reset the connection under the answer when unread bytes wait.
constexpr auto kLinger = std::chrono::seconds(2);
// After the grace of stop(), sockets are closed; a handler that waits for something else is
// cancelled after this.
constexpr auto kCancelAfter = std::chrono::milliseconds(500);
// Shorter sleeps are not worth watching the socket for.
constexpr auto kWatchedSleep = std::chrono::milliseconds(5);

// A "forever" in the options must not overflow the clock's nanoseconds.
constexpr std::chrono::milliseconds kTimeoutMax = std::chrono::hours(24 * 365);

Steady::time_point after(std::chrono::milliseconds timeout) {
  return Steady::now() + std::min(timeout, kTimeoutMax);
}

// Memory for bodies, shared by all connections.
struct BodyBudget {
  std::uint64_t used = 0;
  std::uint64_t max = 0;
};

// Fills a http::Request: Beast's basic_parser without its message and body containers.
class RequestParser final : public beast::http::basic_parser<true> {
 public:
  RequestParser(http::Request* request, const HttpServer::Options& options, BodyBudget* budget)
      : request_(request), options_(options), budget_(budget) {
    header_limit(options.header_bytes_max);
    body_limit(boost::none);
  }
  ~RequestParser() override { budget_->used -= reserved_; }

  /// What to answer instead of calling the handler; 0 when all is well.
  [[nodiscard]] int refusal() const { return refusal_; }
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }
  [[nodiscard]] bool http11() const { return version_ == 11; }

 private:
  using Text = beast::string_view;
  void on_request_impl(beast::http::verb, Text method, Text target, int version, Code&) override {
    version_ = version;
    const auto known = http::parse_method({method.data(), method.size()});
    if (known)
      request_->method = *known;
    else
      refusal_ = 501;
    request_->target.assign(target.data(), target.size());
  }
  void on_response_impl(int, Text, int, Code&) override {}
  void on_field_impl(beast::http::field field, Text name, Text value, Code& ec) override {
    // Beast applies its limit to what is unparsed, so fields that drip in one by one would pass it.
    header_bytes_ += name.size() + value.size() + 4;
    if (header_bytes_ > options_.header_bytes_max) {
      ec = beast::http::error::header_limit;
      return;
    }
    if (is_header_done()) return;  // a trailer
    if (field == beast::http::field::host) ++hosts_;
    if (field == beast::http::field::transfer_encoding) has_transfer_encoding_ = true;
    if (field == beast::http::field::expect)
      expects_continue_ = http::equal_ignoring_case({value.data(), value.size()}, "100-continue");
    request_->headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(Code&) override {
    if (refusal_ != 0) return;
    if (hosts_ > 1 || (hosts_ == 0 && version_ == 11)) refusal_ = 400;
    // A coding that we cannot undo: where the body ends is unknown.
    else if (has_transfer_encoding_ && (!chunked() || version_ == 10))
      refusal_ = 501;
    else if (const auto length = content_length(); length && *length > options_.body_bytes_max)
      refusal_ = 413;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Code&) override {
    length_ = length.value_or(0);
  }
  std::size_t on_body_impl(Text bytes, Code& ec) override {
    auto& body = request_->body;
    const auto size = body.size() + bytes.size();
    if (size > options_.body_bytes_max)
      refusal_ = 413;
    else if (size > reserved_ && !grow(size))
      refusal_ = 503;
    if (refusal_ != 0)
      ec = beast::http::error::body_limit;
    else
      body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(Code&) override {}

  bool grow(std::uint64_t size) {
    auto wanted = std::max({size, reserved_ * 2, kBodyStep});
    if (length_ >= size) wanted = std::min(wanted, length_);
    if (budget_->used - reserved_ + wanted > budget_->max) return false;
    budget_->used += wanted - reserved_;
    reserved_ = wanted;
    request_->body.reserve(wanted);
    return true;
  }

  http::Request* request_;
  const HttpServer::Options& options_;
  BodyBudget* budget_;
  std::uint64_t reserved_ = 0;
  std::uint64_t length_ = 0;
  std::size_t header_bytes_ = 0;
  int version_ = 11;
  int refusal_ = 0;
  int hosts_ = 0;
  bool has_transfer_encoding_ = false;
  bool expects_continue_ = false;
};

std::string text_of(const tcp::endpoint& endpoint) {
  return endpoint.address().is_v6()
             ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
             : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

// Ours to write; the rest of the handler's fields pass, unless a character would end the line.
bool is_sendable(std::string_view name, std::string_view value) {
  for (const std::string_view ours : {"content-length", "transfer-encoding", "connection"})
    if (http::equal_ignoring_case(name, ours)) return false;
  const auto breaks = [](std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
  };
  return !breaks(name) && !breaks(value);
}

// --- One connection
// ----------------------------------------------------------------------------------------------

class Session final : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  enum class Phase : std::uint8_t { kIdle, kReading, kHandling, kLingering };

  Session(Socket socket, const HttpServer::Options& options, BodyBudget* budget)
      : socket_(std::move(socket)),
        options_(options),
        budget_(budget),
        sleeper_(socket_.get_executor()),
        buffer_(options.header_bytes_max + 2 * kReadLarge) {
    Code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    client_ = text_of(socket_.remote_endpoint(ignored));
    buffer_.reserve(kReadSmall);
    wait_until(Phase::kIdle, options_.idle_timeout);
  }

  asio::awaitable<void> run(const Handler* handler);

  /// Called by the coarse timer.
  void check(Steady::time_point now) {
    if (now >= deadline_) end();
  }
  /// No request after the running one; an idle connection ends now.
  void retire() {
    retiring_ = true;
    if (phase_ == Phase::kIdle || phase_ == Phase::kLingering) end();
  }
  /// Whatever is awaited on this connection ends.
  void end() {
    ended_ = true;
    disconnected_ = true;
    sleeper_.cancel();
    Code ignored;
    socket_.close(ignored);
  }
  void cancel_handler() { cancel_.emit(asio::cancellation_type::terminal); }
  [[nodiscard]] asio::cancellation_slot cancellation_slot() { return cancel_.slot(); }
  [[nodiscard]] bool idle() const { return phase_ == Phase::kIdle; }
  [[nodiscard]] Steady::time_point phase_started() const { return phase_started_; }

  const http::Request& request() const override { return request_; }
  std::string client_address() const override { return client_; }
  bool disconnected() const override { return disconnected_; }
  asio::awaitable<bool> send_head(http::Response head,
                                  std::optional<std::uint64_t> content_length) override;
  asio::awaitable<bool> send_body(std::string bytes) override;
  asio::awaitable<bool> finish() override;
  asio::awaitable<bool> respond(http::Response response) override;
  void abort() override;
  asio::awaitable<void> sleep(std::chrono::nanoseconds duration) override;

 private:
  void wait_until(Phase phase, std::chrono::milliseconds timeout) {
    phase_ = phase;
    phase_started_ = Steady::now();
    deadline_ = after(timeout);
  }
  asio::awaitable<bool> read_request(RequestParser* parser);
  asio::awaitable<bool> read_more();
  Code parse(RequestParser* parser);
  asio::awaitable<void> handle(const Handler* handler);
  asio::awaitable<bool> refuse(int status);
  asio::awaitable<void> linger();
  asio::awaitable<bool> write(std::string head, std::string body);
  void start_response(const http::Response& head, std::optional<std::uint64_t> content_length);
  bool count(std::size_t bytes);
  void watch();
  void on_readable();

  Socket socket_;
  const HttpServer::Options& options_;
  BodyBudget* budget_;
  Timer sleeper_;
  beast::flat_buffer buffer_;
  std::size_t read_size_ = kReadSmall;
  asio::cancellation_signal cancel_;
  std::string client_;
  Phase phase_ = Phase::kIdle;
  Steady::time_point phase_started_, deadline_;
  bool ended_ = false;     // the socket is closed by us
  bool retiring_ = false;  // the server stops
  bool disconnected_ = false;
  bool watching_ = false;

  // Of the running exchange.
  http::Request request_;
  bool keep_alive_ = false;
  bool http11_ = true;
  bool head_sent_ = false;  // or held back for the first of the body
  bool finished_ = false;
  bool no_body_ = false;  // HEAD, 204, 304
  bool chunked_ = false;
  std::optional<std::uint64_t> body_left_;
  std::string held_head_;
};

asio::awaitable<void> Session::run(const Handler* handler) {
  // Errors, not exceptions, in our own code; the handler gets the exception if it must be
  // cancelled.
  co_await asio::this_coro::throw_if_cancelled(false);
  bool more = true;
  while (more && !ended_) {
    request_ = {};
    RequestParser parser(&request_, options_, budget_);
    more = co_await read_request(&parser);
    if (!more) break;
    co_await handle(handler);
    more = finished_ && keep_alive_ && !ended_ && !retiring_;
    wait_until(Phase::kIdle, options_.idle_timeout);
  }
  if (!ended_ && finished_) co_await linger();
  end();
}

// False when the socket is done for.
asio::awaitable<bool> Session::read_more() {
  const auto [ec, n] = co_await socket_.async_read_some(buffer_.prepare(read_size_), kToken);
  if (ec || ended_) co_return false;
  buffer_.commit(n);
  if (n == read_size_) read_size_ = kReadLarge;
  co_return true;
}

Code Session::parse(RequestParser* parser) {
  Code ec;
  while (buffer_.size() > 0 && !parser->is_done() && !ec) {
    const bool had_head = parser->is_header_done();
    buffer_.consume(parser->put(buffer_.data(), ec));
    if (!had_head && parser->is_header_done()) break;
  }
  if (!ec && !parser->is_done() && buffer_.size() == 0) ec = beast::http::error::need_more;
  return ec;
}

// A whole request, or a refusal that was sent; false ends the connection.
asio::awaitable<bool> Session::read_request(RequestParser* parser) {
  finished_ = false;
  bool head_done = false;
  while (true) {
    const auto ec = parse(parser);
    if (parser->is_header_done() && !head_done) {
      head_done = true;
      if (parser->refusal() != 0) co_return co_await refuse(parser->refusal());
      parser->eager(true);
      wait_until(Phase::kReading, options_.idle_timeout);
      if (!parser->is_done() && parser->expects_continue() && parser->http11() &&
          buffer_.size() == 0)
        if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n", {})) co_return false;
    }
    if (parser->is_done()) break;
    if (!ec) continue;
    if (parser->refusal() != 0) co_return co_await refuse(parser->refusal());
    const bool full = buffer_.size() > buffer_.max_size() - kReadLarge;
    if (full || ec == beast::http::error::header_limit) co_return co_await refuse(431);
    if (ec != beast::http::error::need_more) co_return co_await refuse(400);
    if (!co_await read_more()) co_return false;
    if (phase_ == Phase::kIdle) wait_until(Phase::kReading, options_.header_timeout);
    if (head_done) deadline_ = after(options_.idle_timeout);
  }
  keep_alive_ = parser->keep_alive();
  http11_ = parser->http11();
  co_return true;
}

// The connection ends after it: where the next request would start is unknown.
asio::awaitable<bool> Session::refuse(int status) {
  phase_ = Phase::kHandling;
  keep_alive_ = false;
  head_sent_ = false;
  request_.method = http::Method::kPost;  // an answer with a body, whatever was asked
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  response.body = fmt::format("{} {}\n", status, http::reason_phrase(status));
  co_await respond(std::move(response));
  co_return false;
}

asio::awaitable<void> Session::handle(const Handler* handler) {
  phase_ = Phase::kHandling;
  deadline_ = Steady::time_point::max();
  head_sent_ = finished_ = no_body_ = chunked_ = false;
  body_left_.reset();
  held_head_.clear();
  bool failed = false;
  co_await asio::this_coro::throw_if_cancelled(true);
  try {
    co_await (*handler)(this);
  } catch (...) {
    failed = true;
  }
  co_await asio::this_coro::throw_if_cancelled(false);
  if (failed && !ended_ && (!head_sent_ || !held_head_.empty())) {
    held_head_.clear();
    co_await refuse(500);
  }
}

// Bytes that wait unread make close() send a reset, which can destroy the answer on its way: let
// the client close.
asio::awaitable<void> Session::linger() {
  Code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  wait_until(Phase::kLingering, kLinger);
  while (!ended_) {
    buffer_.clear();
    if (!co_await read_more()) break;
  }
}

asio::awaitable<bool> Session::write(std::string head, std::string body) {
  std::array<asio::const_buffer, 2> rest{asio::buffer(head), asio::buffer(body)};
  while (rest[0].size() + rest[1].size() > 0) {
    if (ended_ || disconnected_) co_return false;
    deadline_ = after(options_.idle_timeout);
    auto [ec, n] = co_await socket_.async_write_some(rest, kToken);
    if (ec) {
      end();
      co_return false;
    }
    const auto of_head = std::min(n, rest[0].size());
    rest[0] += of_head;
    rest[1] += n - of_head;
  }
  if (phase_ == Phase::kHandling) deadline_ = Steady::time_point::max();
  co_return !ended_;
}

void Session::start_response(const http::Response& head,
                             std::optional<std::uint64_t> content_length) {
  head_sent_ = true;
  const bool empty = head.status < 200 || head.status == 204 || head.status == 304;
  no_body_ = empty || request_.method == http::Method::kHead;
  chunked_ = !content_length && !empty && http11_;
  body_left_ = content_length;
  if (!content_length && !empty && !http11_)
    keep_alive_ = false;  // the end of the stream ends the body
  if (retiring_) keep_alive_ = false;
  auto out = std::back_inserter(held_head_);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", head.status, http::reason_phrase(head.status));
  for (const auto& [name, value] : head.headers)
    if (is_sendable(name, value)) fmt::format_to(out, "{}: {}\r\n", name, value);
  if (chunked_) held_head_ += "Transfer-Encoding: chunked\r\n";
  if (content_length && !empty) fmt::format_to(out, "Content-Length: {}\r\n", *content_length);
  if (!keep_alive_)
    held_head_ += "Connection: close\r\n";
  else if (!http11_)
    held_head_ += "Connection: keep-alive\r\n";
  held_head_ += "\r\n";
}

// False when the handler sends more than it promised: the client must see a cut, not a wrong body.
bool Session::count(std::size_t bytes) {
  if (!body_left_) return true;
  if (bytes > *body_left_) return false;
  *body_left_ -= bytes;
  return true;
}

asio::awaitable<bool> Session::send_head(http::Response head,
                                         std::optional<std::uint64_t> content_length) {
  if (head_sent_ || ended_) co_return false;
  start_response(head, content_length);
  if (content_length) co_return true;
  co_return co_await write(std::exchange(held_head_, {}), {});
}

asio::awaitable<bool> Session::send_body(std::string bytes) {
  if (!head_sent_ || finished_ || ended_) co_return false;
  if (!count(bytes.size())) {
    abort();
    co_return false;
  }
  if (no_body_ || bytes.empty()) co_return true;
  auto head = std::exchange(held_head_, {});
  if (chunked_) {
    fmt::format_to(std::back_inserter(head), "{:x}\r\n", bytes.size());
    bytes += "\r\n";
  }
  co_return co_await write(std::move(head), std::move(bytes));
}

asio::awaitable<bool> Session::finish() {
  if (!head_sent_ || finished_ || ended_) co_return false;
  if (body_left_.value_or(0) != 0 && !no_body_) {
    abort();
    co_return false;
  }
  auto rest = std::exchange(held_head_, {});
  if (chunked_ && !no_body_) rest += "0\r\n\r\n";
  finished_ = co_await write(std::move(rest), {});
  co_return finished_;
}

asio::awaitable<bool> Session::respond(http::Response response) {
  if (head_sent_ || ended_) co_return false;
  start_response(response, response.body.size());
  if (no_body_) response.body.clear();
  finished_ = co_await write(std::exchange(held_head_, {}), std::move(response.body));
  co_return finished_;
}

void Session::abort() {
  Code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);  // a reset, at once
  end();
}

asio::awaitable<void> Session::sleep(std::chrono::nanoseconds duration) {
  if (ended_ || disconnected_ || duration <= std::chrono::nanoseconds::zero()) co_return;
  if (duration >= kWatchedSleep) watch();
  sleeper_.expires_after(duration);
  co_await sleeper_.async_wait(kToken);
}

// While the handler sleeps nobody reads, so a client that leaves would go unnoticed.
void Session::watch() {
  if (watching_) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read, [weak = weak_from_this()](const Code& ec) {
    const auto session = weak.lock();
    if (!session) return;
    session->watching_ = false;
    if (!ec) session->on_readable();
  });
}

void Session::on_readable() {
  if (phase_ != Phase::kHandling || ended_) return;
  char byte = 0;
  const auto n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const bool gone = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  if (!gone) return;  // the next request, sent ahead
  // Also a client that only shut down its sending side; no HTTP client of note does that and still
  // reads.
  disconnected_ = true;
  sleeper_.cancel();
}

}  // namespace

// --- The listener
// ------------------------------------------------------------------------------------------------

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
