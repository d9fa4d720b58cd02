#pragma once
// The HTTP/1.1 server: `weir sim` and `weir serve` answer through it.
//
// Ownership: the caller owns the io_context, which outlives the server. The server owns its
// connections and the Exchange that a handler borrows for as long as the handler runs. Threads:
// one, the io_context's; handlers run on it. Invariants: exchanges of one connection run one after
// the other, in the order received (pipelining is safe); every request is bounded in head, body and
// time; a handler that returns without finish() ends the connection. It does not: do TLS (it
// listens on loopback or behind a proxy), route, compress, or check Host and Origin: that is the
// front end's policy.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/message.h"

namespace weir::runtime {

namespace asio = boost::asio;

/// One request and the way to answer it. Borrowed by the handler; dies when the handler returns.
/// The awaitables return false when the client is gone (or the server closes): nothing more can be
/// sent.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// Whole, body included. Valid until the handler returns.
  [[nodiscard]] virtual const http::Request& request() const = 0;
  /// "127.0.0.1:54321".
  [[nodiscard]] virtual std::string client_address() const = 0;
  /// True once the client is known to be gone; noticed while sending and sleeping.
  [[nodiscard]] virtual bool disconnected() const = 0;

  /// The head, once; `head.body` is ignored. With a length exactly that many body bytes must
  /// follow; it goes out with the first of them. Without one the body is chunked and the head goes
  /// out at once. Content-Length, Transfer-Encoding and Connection are the server's and are dropped
  /// from `head`; no Date is added (virtual time is the handler's matter).
  virtual asio::awaitable<bool> send_head(http::Response head,
                                          std::optional<std::uint64_t> content_length) = 0;
  /// Some of the body. Returns when the bytes are with the kernel: the pace of a slow client is the
  /// handler's. For HEAD, 204 and 304 the bytes are counted and not sent.
  virtual asio::awaitable<bool> send_body(std::string bytes) = 0;
  /// The end of the body.
  virtual asio::awaitable<bool> finish() = 0;
  /// Head, body and end in one write.
  virtual asio::awaitable<bool> respond(http::Response response) = 0;

  /// Closes the connection now with a reset, in whatever state it is: the client sees a cut.
  virtual void abort() = 0;
  /// Sleeps, until the time is over or the client is gone or the server stops.
  virtual asio::awaitable<void> sleep(std::chrono::nanoseconds duration) = 0;
};

using Handler = std::function<asio::awaitable<void>(Exchange*)>;

class HttpServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";  // an address; no name is resolved
    std::uint16_t port = 0;          // 0: any free one, see port()
    /// Request line and header fields. More is 431.
    std::uint32_t header_bytes_max = 64 * 1024;
    /// One request body. More is 413.
    std::uint64_t body_bytes_max = std::uint64_t{64} << 20;
    /// Bodies of all connections together, so that many large ones cannot exhaust memory. More is
    /// 503.
    std::uint64_t bodies_bytes_max = std::uint64_t{2} << 30;
    /// Open connections. At the limit the longest idle one is closed; when none is idle, new ones
    /// wait unaccepted.
    std::size_t connections_max = 1024;
    /// From a request's first byte to the end of its head.
    std::chrono::milliseconds header_timeout = std::chrono::seconds(10);
    /// A kept connection without a request; a body or answer that does not move.
    std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);
  };

  /// Binds, listens and accepts; connections are served while the io_context runs.
  /// @param handler must not throw; when it does, the client gets 500 (or a cut, when the head was
  /// sent).
  /// @error kInvalidArgument host is no address; kUnavailable the address cannot be bound (in use,
  /// no right).
  static Result<std::unique_ptr<HttpServer>> create(asio::io_context& io, Options options,
                                                    Handler handler);
  /// stop() must have returned, or the io_context must not run any more.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// "http://127.0.0.1:8080".
  [[nodiscard]] std::string url() const;

  /// Stops accepting, closes idle connections, lets running exchanges end for `grace`, then closes
  /// what is left and returns when every handler has returned. Their sleeps end when the grace is
  /// over. Idempotent.
  asio::awaitable<void> stop(std::chrono::milliseconds grace);

  [[nodiscard]] std::size_t connections_open() const;

  class Acceptor;

 private:
  explicit HttpServer(std::shared_ptr<Acceptor> acceptor);
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace weir::runtime
