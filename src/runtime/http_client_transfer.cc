#include "runtime/http_client_transfer.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>
#include <exception>
#include <string_view>
#include <tuple>
#include <utility>

#include "runtime/http_client_response.h"

namespace weir::runtime::internal {
namespace {

// Up to here head and body go out before the response is read: it fits the peer's receive window,
// so the write ends even when the server answers early and reads no more. Longer bodies are written
// beside the reading.
constexpr std::size_t kFirstChunk = 64 * 1024;
constexpr std::size_t kChunk = 128 * 1024;
// After a failed write the server's early answer (413, 401) is usually there already.
constexpr auto kEarlyAnswerWait = std::chrono::seconds(5);
// 100 and 103 responses before the real one; more is a server that never answers.
constexpr int kInterimMax = 16;

}  // namespace

Connection::Connection(asio::io_context& io, std::uint32_t header_bytes_max)
    : socket(io.get_executor()), buffer(header_bytes_max + 2 * kReadLarge) {
  buffer.reserve(kReadSmall);
}

bool Connection::usable() {
  char byte = 0;
  return socket.is_open() && buffer.size() == 0 &&
         ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

Transfer::Transfer(asio::io_context& loop, ClientRequest r, ResponseSink* s)
    : io(loop),
      request(std::move(r)),
      sink(s),
      event(loop.get_executor(), Steady::time_point::max()) {
  total_deadline = after(request.total_timeout);
}

void Transfer::touch() {
  const auto wait =
      write_error ? std::min<std::chrono::milliseconds>(request.idle_timeout, kEarlyAnswerWait)
                  : request.idle_timeout;
  step_deadline = after(wait);
}

void Transfer::interrupt(Interrupt why) {
  if (interrupted == Interrupt::kNone) interrupted = why;
  close();
  event.cancel();
}

void Transfer::close() {
  Code ignored;
  if (connection) connection->socket.close(ignored);
}

std::string Transfer::name() const {
  return fmt::format("{} {}{}", http::to_string(request.plan.method), request.origin.text(),
                     http::path_of(request.plan.target));
}

std::string Transfer::progress() const {
  if (written == 0) return "nothing of the request was sent";
  if (head_seen) return fmt::format("{} bytes of the response body came", body_bytes);
  return fmt::format("{} bytes of the request were sent, no response came", written);
}

std::string Transfer::reason(const Code& ec) const {
  switch (interrupted) {
    case Interrupt::kStopped: return "the client was stopped";
    case Interrupt::kTotalTimeout:
      return fmt::format("it took longer than the {} ms allowed", request.total_timeout.count());
    case Interrupt::kStepTimeout:
      return connected ? fmt::format("timed out: no byte for {} ms", request.idle_timeout.count())
                       : fmt::format("timed out: no connection within {} ms",
                                     request.connect_timeout.count());
    case Interrupt::kNone: break;
  }
  if (ec == asio::error::operation_aborted) return "the caller cancelled it";
  if (ec == asio::error::eof || ec == ssl::error::stream_truncated)
    return "the server closed the connection";
  if (ec == asio::error::connection_reset || ec == asio::error::broken_pipe)
    return "the server reset the connection";
  return ec.message();
}

std::unexpected<Error> Transfer::failure(const Code& ec) const {
  const bool cancelled = interrupted == Interrupt::kStopped ||
                         (interrupted == Interrupt::kNone && ec == asio::error::operation_aborted);
  const auto kind = cancelled      ? ErrorKind::kCancelled
                    : written == 0 ? ErrorKind::kUnavailable
                                   : ErrorKind::kDeadlineExceeded;
  return fail(kind, fmt::format("{}: {}; {}", name(), reason(ec), progress()));
}

namespace {

asio::awaitable<std::tuple<Code, std::size_t>> read_some(Connection* c, asio::mutable_buffer into) {
  if (c->tls) co_return co_await c->tls->async_read_some(into, kToken);
  co_return co_await c->socket.async_read_some(into, kToken);
}

asio::awaitable<std::tuple<Code, std::size_t>> write_some(Connection* c, asio::const_buffer from) {
  if (c->tls) co_return co_await c->tls->async_write_some(from, kToken);
  co_return co_await c->socket.async_write_some(from, kToken);
}

asio::awaitable<void> write_chunk(Transfer* t) {
  for (std::size_t at = 0; at < t->chunk.size();) {
    const auto [ec, n] = co_await write_some(t->connection.get(), asio::buffer(t->chunk) + at);
    t->written += n;
    at += n;
    if (ec) t->write_error = ec;
    t->touch();
    if (ec) co_return;
  }
}

// Runs beside the reading, so that an early answer is read while the rest of a long body is still
// being written.
asio::awaitable<void> write_rest(Transfer* t) {
  while (!t->body.done() && !t->write_error) {
    t->chunk.clear();
    if (auto filled = t->body.fill(&t->chunk, kChunk); !filled) {
      t->image_error = std::move(filled).error();
      t->close();
      co_return;
    }
    co_await write_chunk(t);
  }
}

void start_writer(Transfer* t) {
  t->writer_running = true;
  asio::co_spawn(t->io, write_rest(t), [t](const std::exception_ptr& thrown) {
    if (thrown) {  // out of memory, say; the reader then fails too
      t->image_error =
          Error{.kind = ErrorKind::kInternal, .message = t->name() + ": writing the body threw"};
      t->close();
    }
    t->writer_running = false;
    t->event.cancel();
  });
}

Result<void> parse_failure(Transfer* t, const ResponseParser& parser, const Code& ec) {
  const auto bad = [&](std::string_view why, std::string hint) {
    return fail(ErrorKind::kBadResponse, fmt::format("{}: {}; {}", t->name(), why, t->progress()),
                std::move(hint));
  };
  if (parser.sink_stopped())
    return fail(ErrorKind::kCancelled,
                fmt::format("{}: the reader wanted no more; {}", t->name(), t->progress()));
  if (ec == beast::http::error::body_limit)
    return bad(fmt::format("the response is longer than {} bytes", t->request.response_bytes_max),
               "raise response_bytes_max");
  if (ec == beast::http::error::header_limit || ec == beast::http::error::buffer_overflow)
    return bad("the response head is too large", "raise header_bytes_max");
  return bad(fmt::format("the response is not HTTP: {}", ec.message()), {});
}

// The stream ended: that completes a response without a length, and cuts any other.
Result<void> end_of_stream(Transfer* t, ResponseParser* parser) {
  Code ec = asio::error::eof;
  if (parser->got_some() && parser->is_header_done()) parser->put_eof(ec);
  if (!ec && parser->is_done()) return {};
  return t->failure(asio::error::eof);
}

asio::awaitable<Result<void>> read_message(Transfer* t, ResponseParser* parser) {
  auto& c = *t->connection;
  const auto unparsed_max = c.buffer.max_size() - kReadLarge;
  while (true) {
    Code ec;
    while (c.buffer.size() > 0 && !parser->is_done() && !ec) {
      c.buffer.consume(parser->put(c.buffer.data(), ec));
      t->head_seen = t->head_seen || parser->is_header_done();
      t->body_bytes = parser->body_bytes();
    }
    if (ec && ec != beast::http::error::need_more) co_return parse_failure(t, *parser, ec);
    if (parser->is_done()) co_return Result<void>();
    if (c.buffer.size() > unparsed_max)
      co_return parse_failure(t, *parser, beast::http::error::header_limit);
    const auto [read_ec, n] = co_await read_some(&c, c.buffer.prepare(c.read_size));
    if (read_ec == asio::error::eof && t->interrupted == Interrupt::kNone)
      co_return end_of_stream(t, parser);
    if (read_ec) co_return t->failure(read_ec);
    c.buffer.commit(n);
    if (n == c.read_size) c.read_size = kReadLarge;
    t->touch();
  }
}

asio::awaitable<Result<void>> read_response(Transfer* t, std::uint32_t header_bytes_max) {
  for (int interim = 0; interim < kInterimMax; ++interim) {
    ResponseParser parser(t->sink, t->request.response_bytes_max, header_bytes_max,
                          t->request.plan.method == http::Method::kHead);
    auto read = co_await read_message(t, &parser);
    if (!read) co_return read;
    t->reusable = parser.keep_alive();
    if (parser.status() >= 200) co_return Result<void>();
    t->head_seen = false;
    if (parser.status() == 101) break;  // we asked for no upgrade
  }
  co_return fail(ErrorKind::kBadResponse,
                 fmt::format("{}: only interim responses came", t->name()));
}

}  // namespace

Result<void> prepare(Transfer* t, const std::string& user_agent) {
  auto head = head_text(t->request, user_agent);
  if (!head) return std::unexpected(std::move(head).error());
  if (auto opened = t->body.open(&t->request.plan.body, t->request.image_path); !opened)
    return opened;
  t->chunk = *std::move(head);
  return t->body.fill(&t->chunk, kFirstChunk);
}

asio::awaitable<Result<void>> exchange(Transfer* t, std::uint32_t header_bytes_max) {
  t->touch();
  co_await write_chunk(t);  // the head and the first of the body
  const bool cancelled = t->write_error == asio::error::operation_aborted;
  if (t->write_error && (t->written == 0 || cancelled)) co_return t->failure(*t->write_error);
  if (!t->body.done() && !t->write_error) start_writer(t);
  auto read = co_await read_response(t, header_bytes_max);
  const bool all_sent = !t->writer_running && t->body.done() && !t->write_error;
  co_await join_writer(t);
  t->reusable = t->reusable && read && all_sent && t->interrupted == Interrupt::kNone &&
                t->connection->buffer.size() == 0;
  // A complete early answer counts, whatever became of the body.
  if (!read && t->image_error) co_return std::unexpected(*std::move(t->image_error));
  co_return read;
}

asio::awaitable<void> join_writer(Transfer* t) {
  if (t->writer_running) t->close();
  while (t->writer_running) co_await t->event.async_wait(kToken);
}

}  // namespace weir::runtime::internal
