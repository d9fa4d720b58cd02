#pragma once
// The HTTP/1.1 client: streams a RequestPlan out and the response into a sink, over pooled
// keep-alive connections, plain or TLS (system CA store, host verified).
//
// Ownership: the caller owns the io_context and the sink; both outlive every send(). A send keeps
// the pool alive. Threads: none of its own. Everything, stop() and the destructor included, happens
// on the io_context's one thread. Invariants: one request at a time on a connection; at most
// connections_max connections an origin; every wait has a deadline; nothing is ever sent twice: a
// retry is the caller's decision. It does not: follow redirects, retry, decompress, keep cookies,
// speak HTTP/2 or use a proxy.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "http/plan.h"
#include "http/url.h"

namespace weir::runtime {

namespace asio = boost::asio;

struct ClientRequest {
  http::Origin origin;
  /// Host, Content-Length and Connection are the client's: given ones are an error, except Host.
  http::RequestPlan plan;
  /// The file behind the plan's ImageSlice pieces; may be empty when it has none.
  std::string image_path;
  /// Bytes of response body; a longer one is kBadResponse.
  std::uint64_t response_bytes_max = std::uint64_t{64} << 20;
  /// Name resolution, TCP and TLS together. Not the wait for a free connection: that counts as
  /// total.
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  /// No byte either way for this long.
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(120);
  /// Everything, the wait for a free connection included.
  std::chrono::milliseconds total_timeout = std::chrono::minutes(15);
  /// For URLs that came out of an answer: refuse a host that resolves to a loopback, private or
  /// link-local address. Checked on the address connected to, so a rebinding name server cannot get
  /// around it.
  bool public_addresses_only = false;
};

/// Takes the response as it arrives, on the client's thread. Must not throw.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// Once, before any body. `head.body` is empty. Interim (1xx) responses are not shown.
  virtual void on_head(const http::Response& head) = 0;
  /// Decoded of chunking, 1 to 64 KiB. False: read no more and close the connection.
  [[nodiscard]] virtual bool on_body(std::string_view bytes) = 0;
};

/// Keeps the whole response, for small ones.
class CollectingSink final : public ResponseSink {
 public:
  void on_head(const http::Response& head) override { response = head; }
  [[nodiscard]] bool on_body(std::string_view bytes) override {
    response.body += bytes;
    return true;
  }
  http::Response response;
};

class HttpClient {
 public:
  struct Options {
    /// Open connections an origin; more sends wait in line. Providers limit by key, not by
    /// connection: 64 keeps hundreds of short requests a second in flight without exhausting
    /// descriptors.
    std::size_t connections_max = 64;
    /// Of these, how many are kept open when nobody uses them.
    std::size_t idle_connections_max = 32;
    /// Sends waiting for a connection, an origin; beyond it a send fails at once with kUnavailable.
    std::size_t waiting_max = 10'000;
    /// An idle connection older than this is dropped: a request on one that the server is just
    /// closing has an unknown outcome, and common servers close after 20 s or more.
    std::chrono::milliseconds idle_connection_age_max = std::chrono::seconds(15);
    /// A response head larger than this is kBadResponse.
    std::uint32_t header_bytes_max = 64 * 1024;
    /// PEM file of further trusted authorities, beside the system's; for tests and private
    /// gateways.
    std::string ca_file;
    std::string user_agent = "weir";
  };

  /// No I/O; the CA store is read at the first TLS connection.
  HttpClient(asio::io_context& io, Options options);
  /// Every send must have returned. stop() first.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends one request and streams its response into the sink. Co_await it on the client's
  /// io_context. Success: a complete response of any status was delivered (also when it came before
  /// the body was all sent). Not idempotent; sends at most once. Error kinds, which decide about
  /// money:
  /// @error kInvalidArgument nothing was sent: image unreadable or shorter than a slice, a header
  /// or target that
  ///        cannot be written, a private address under public_addresses_only. Also an image that
  ///        became unreadable while it was being sent: the server then got an incomplete body,
  ///        which it cannot have accepted.
  /// @error kUnavailable not one byte of the request was written: resolve, connect, TLS or the wait
  /// for a
  ///        connection failed or timed out. Surely not processed.
  /// @error kDeadlineExceeded request bytes were written and no complete response was seen: outcome
  /// unknown. The
  ///        message says how it ended (timed out, reset, cut) and how many body bytes came.
  /// @error kBadResponse what came is not HTTP, or is beyond response_bytes_max or
  /// header_bytes_max. The request
  ///        may have been processed.
  /// @error kInternal the sink threw, or memory ran out: outcome unknown when the message says that
  /// bytes were sent.
  /// @error kCancelled stop() was called, the coroutine was cancelled, or the sink said false. The
  /// message says
  ///        whether request bytes had been written.
  [[nodiscard]] asio::awaitable<Result<void>> send(ClientRequest request, ResponseSink* sink);

  /// Ends every send with kCancelled and closes all connections; later sends fail the same way. The
  /// sends return from the event loop, not inside this call. Idempotent.
  void stop();

  /// Sends that have not returned yet; zero is when the destructor may run.
  [[nodiscard]] std::size_t sends_running() const;

  class Pool;

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace weir::runtime
