#pragma once
// Internal to http_client: one send, from the bytes of its request to its response, over a
// connection that somebody else opened (http_client_connect) and keeps (the pool, http_client.cc).
//
// Ownership: the pool's send() owns the Transfer in its coroutine frame; the coroutines here borrow
// it, and the writer beside the reading is joined before it ends. Threads: the io_context's one.
// Invariant: the error kind of a failure follows from whether a byte of the request was written.
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "runtime/http_client.h"
#include "runtime/http_client_request.h"
#include "runtime/http_io.h"

namespace weir::runtime::internal {

namespace ssl = asio::ssl;

enum class Interrupt : std::uint8_t { kNone, kStepTimeout, kTotalTimeout, kStopped };

struct Connection {
  Connection(asio::io_context& io, std::uint32_t header_bytes_max);
  /// A request on a connection that the server has closed has an unknown outcome: look before.
  [[nodiscard]] bool usable();

  Socket socket;
  std::optional<ssl::stream<Socket&>> tls;
  beast::flat_buffer buffer;
  std::size_t read_size = kReadSmall;
  Steady::time_point idle_since;
};

struct Transfer {
  Transfer(asio::io_context& loop, ClientRequest r, ResponseSink* s);

  /// Bytes moved: the idle time starts again.
  void touch();
  /// Ends whatever is awaited; the first reason stays.
  void interrupt(Interrupt why);
  void close();
  /// Without the query: signed links keep their secret there.
  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::string progress() const;
  [[nodiscard]] std::string reason(const Code& ec) const;
  /// The error kind follows from one fact: whether a byte of the request was written.
  [[nodiscard]] std::unexpected<Error> failure(const Code& ec) const;

  asio::io_context& io;
  ClientRequest request;
  ResponseSink* sink;
  BodySource body;
  std::string chunk;  // what is being written
  Timer event;        // never fires; cancel() wakes the coroutine to look again
  std::unique_ptr<Connection> connection;
  Steady::time_point total_deadline, step_deadline = Steady::time_point::max();
  Interrupt interrupted = Interrupt::kNone;
  bool has_slot = false;
  bool connected = false;
  bool writer_running = false;
  bool head_seen = false;
  bool reusable = false;
  std::optional<Error> image_error;
  std::optional<Code> write_error;
  std::uint64_t written = 0;
  std::uint64_t body_bytes = 0;
};

/// Writes the head and the first of the body into `chunk`. Sends nothing.
/// @error kInvalidArgument the head cannot be written, the image is unreadable or too short.
Result<void> prepare(Transfer* t, const std::string& user_agent);

/// Sends the prepared request over the transfer's connection and streams the response into its
/// sink.
asio::awaitable<Result<void>> exchange(Transfer* t, std::uint32_t header_bytes_max);

/// Ends the writer beside the reading, if it still runs: it uses the transfer.
asio::awaitable<void> join_writer(Transfer* t);

}  // namespace weir::runtime::internal
