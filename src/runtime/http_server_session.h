#pragma once
// Internal to http_server: one connection, from its first request to its last answer, and the
// Exchange that a handler borrows.
//
// Ownership: the acceptor's coroutine keeps the session alive until run() has returned; options,
// budget and handler are the acceptor's. Threads: the io_context's one. Invariant: after end()
// everything that waits on the connection returns.
#include <boost/asio/cancellation_signal.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "http/message.h"
#include "runtime/http_io.h"
#include "runtime/http_server.h"
#include "runtime/http_server_request.h"

namespace weir::runtime::internal {

/// "127.0.0.1:8080", "[::1]:8080".
std::string text_of(const tcp::endpoint& endpoint);

class Session final : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  enum class Phase : std::uint8_t { kIdle, kReading, kHandling, kLingering };

  Session(Socket socket, const HttpServer::Options& options, BodyBudget* budget);

  asio::awaitable<void> run(const Handler* handler);

  /// Called by the coarse timer.
  void check(Steady::time_point now) {
    if (now >= deadline_) end();
  }
  /// No request after the running one; an idle connection ends now.
  void retire();
  /// Whatever is awaited on this connection ends.
  void end();
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
  void wait_until(Phase phase, std::chrono::milliseconds timeout);
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

}  // namespace weir::runtime::internal
