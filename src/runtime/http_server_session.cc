#include "runtime/http_server_session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>
#include <iterator>
#include <string_view>
#include <utility>

namespace weir::runtime::internal {
namespace {

// After the last answer the client gets this long to read it and close; an immediate close would
// reset the connection under the answer when unread bytes wait.
constexpr auto kLinger = std::chrono::seconds(2);
// Shorter sleeps are not worth watching the socket for.
constexpr auto kWatchedSleep = std::chrono::milliseconds(5);

// Ours to write; the rest of the handler's fields pass, unless a character would end the line.
bool is_sendable(std::string_view name, std::string_view value) {
  for (const std::string_view ours : {"content-length", "transfer-encoding", "connection"})
    if (http::equal_ignoring_case(name, ours)) return false;
  const auto breaks = [](std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
  };
  return !breaks(name) && !breaks(value);
}

}  // namespace

std::string text_of(const tcp::endpoint& endpoint) {
  return endpoint.address().is_v6()
             ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
             : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

Session::Session(Socket socket, const HttpServer::Options& options, BodyBudget* budget)
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

void Session::retire() {
  retiring_ = true;
  if (phase_ == Phase::kIdle || phase_ == Phase::kLingering) end();
}

void Session::end() {
  ended_ = true;
  disconnected_ = true;
  sleeper_.cancel();
  Code ignored;
  socket_.close(ignored);
}

void Session::wait_until(Phase phase, std::chrono::milliseconds timeout) {
  phase_ = phase;
  phase_started_ = Steady::now();
  deadline_ = after(timeout);
}

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
  if (!keep_alive_) held_head_ += "Connection: close\r\n";
  else if (!http11_) held_head_ += "Connection: keep-alive\r\n";
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

}  // namespace weir::runtime::internal
