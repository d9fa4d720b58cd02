#include "runtime/http_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace weir::runtime {
namespace {

namespace beast = boost::beast;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;
using Code = boost::system::error_code;
using Steady = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Timer = asio::basic_waitable_timer<Steady, asio::wait_traits<Steady>, Executor>;
using Resolver = asio::ip::basic_resolver<tcp, Executor>;
constexpr asio::as_tuple_t<asio::use_awaitable_t<>> kToken{};

// One coarse timer looks at all transfers: re-arming a timer for each read and write costs more
// than the request.
constexpr auto kTick = std::chrono::milliseconds(50);
// Up to here head and body go out before the response is read: it fits the peer's receive window,
// so the write ends even when the server answers early and reads no more. Longer bodies are written
// beside the reading.
constexpr std::size_t kFirstChunk = 64 * 1024;
constexpr std::size_t kChunk = 128 * 1024;
// Most responses are small; the read grows when one fills it.
constexpr std::size_t kReadSmall = 16 * 1024;
constexpr std::size_t kReadLarge = 64 * 1024;
// After a failed write the server's early answer (413, 401) is usually there already.
constexpr auto kEarlyAnswerWait = std::chrono::seconds(5);
// 100 and 103 responses before the real one; more is a server that never answers.
constexpr int kInterimMax = 16;

// A "forever" from the caller must not overflow the clock's nanoseconds.
constexpr std::chrono::milliseconds kTimeoutMax = std::chrono::hours(24 * 365);

Steady::time_point after(std::chrono::milliseconds timeout) {
  return Steady::now() + std::min(timeout, kTimeoutMax);
}

enum class Interrupt : std::uint8_t { kNone, kStepTimeout, kTotalTimeout, kStopped };

struct Connection {
  Connection(asio::io_context& io, std::uint32_t header_bytes_max)
      : socket(io.get_executor()), buffer(header_bytes_max + 2 * kReadLarge) {
    buffer.reserve(kReadSmall);
  }
  // A request on a connection that the server has closed has an unknown outcome: look before.
  [[nodiscard]] bool usable() {
    char byte = 0;
    return socket.is_open() && buffer.size() == 0 &&
           ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  Socket socket;
  std::optional<ssl::stream<Socket&>> tls;
  beast::flat_buffer buffer;
  std::size_t read_size = kReadSmall;
  Steady::time_point idle_since;
};

// Feeds the sink straight from the read buffer: Beast's basic_parser without its message and body
// containers.
class ResponseParser final : public beast::http::basic_parser<false> {
 public:
  ResponseParser(ResponseSink* sink, std::uint64_t body_max, std::uint32_t header_max, bool no_body)
      : sink_(sink), body_max_(body_max), header_max_(header_max) {
    header_limit(header_max);
    body_limit(boost::none);
    eager(true);
    if (no_body) skip(true);
  }
  [[nodiscard]] int status() const { return head_.status; }
  [[nodiscard]] bool sink_stopped() const { return sink_stopped_; }
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  using Text = beast::string_view;
  void on_request_impl(beast::http::verb, Text, Text, int, Code&) override {}
  void on_response_impl(int code, Text, int, Code&) override { head_.status = code; }
  void on_field_impl(beast::http::field, Text name, Text value, Code& ec) override {
    // Beast applies its limit to what is unparsed, so fields that drip in one by one would pass it.
    header_bytes_ += name.size() + value.size() + 4;
    if (header_bytes_ > header_max_)
      ec = beast::http::error::header_limit;
    else
      head_.headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(Code&) override {
    if (head_.status >= 200) sink_->on_head(head_);
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Code& ec) override {
    if (length && *length > body_max_) ec = beast::http::error::body_limit;
  }
  std::size_t on_body_impl(Text bytes, Code& ec) override {
    body_bytes_ += bytes.size();
    if (body_bytes_ > body_max_) {
      ec = beast::http::error::body_limit;
    } else if (!bytes.empty() && !sink_->on_body({bytes.data(), bytes.size()})) {
      sink_stopped_ = true;
      ec = asio::error::operation_aborted;
    }
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(Code&) override {}

  ResponseSink* sink_;
  std::uint64_t body_max_;
  std::uint64_t body_bytes_ = 0;
  std::size_t header_max_;
  std::size_t header_bytes_ = 0;
  bool sink_stopped_ = false;
  http::Response head_;
};

// The body of a plan, chunk by chunk.
class BodySource {
 public:
  BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  ~BodySource() {
    if (file_ >= 0) ::close(file_);
  }

  /// Opens the image if a piece needs it and checks that all slices are there, before anything is
  /// sent.
  Result<void> open(const std::vector<http::BodyPiece>* pieces, const std::string& path) {
    pieces_ = pieces;
    std::uint64_t end = 0;
    bool slices = false;
    for (const auto& piece : *pieces) {
      const auto* slice = std::get_if<http::ImageSlice>(&piece);
      if (slice == nullptr) continue;
      slices = true;
      std::uint64_t slice_end = 0;
      if (__builtin_add_overflow(slice->offset, slice->length, &slice_end))
        return fail(ErrorKind::kInvalidArgument, "a slice of the batch image overflows");
      end = std::max(end, slice_end);
    }
    if (!slices) return {};
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) return unreadable(path, std::strerror(errno));
    struct stat status{};
    if (::fstat(file_, &status) != 0) return unreadable(path, std::strerror(errno));
    if (static_cast<std::uint64_t>(status.st_size) < end)
      return unreadable(path,
                        fmt::format("it has {} bytes, the request needs {}", status.st_size, end));
    return {};
  }

  [[nodiscard]] bool done() const { return piece_ == pieces_->size(); }

  /// Appends until `chunk` holds `limit` bytes or the body ends.
  Result<void> fill(std::string* chunk, std::size_t limit) {
    while (!done() && chunk->size() < limit) {
      const auto& piece = (*pieces_)[piece_];
      const auto* text = std::get_if<std::string>(&piece);
      const auto length = text ? text->size() : std::get<http::ImageSlice>(piece).length;
      const auto count = static_cast<std::size_t>(
          std::min<std::uint64_t>(length - offset_, limit - chunk->size()));
      if (text)
        chunk->append(*text, static_cast<std::size_t>(offset_), count);
      else if (auto read =
                   read_slice(std::get<http::ImageSlice>(piece).offset + offset_, count, chunk);
               !read)
        return read;
      offset_ += count;
      if (offset_ < length) continue;
      ++piece_;
      offset_ = 0;
    }
    return {};
  }

 private:
  static std::unexpected<Error> unreadable(const std::string& path, std::string_view why) {
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("cannot read the batch image {}: {}", path, why));
  }
  Result<void> read_slice(std::uint64_t at, std::size_t count, std::string* chunk) const {
    const auto old = chunk->size();
    chunk->resize(old + count);
    for (std::size_t got = 0; got < count;) {
      const auto n =
          ::pread(file_, chunk->data() + old + got, count - got, static_cast<off_t>(at + got));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0)
        return unreadable("while it was being sent",
                          n < 0 ? std::strerror(errno) : "it became shorter");
      got += static_cast<std::size_t>(n);
    }
    return {};
  }

  const std::vector<http::BodyPiece>* pieces_ = nullptr;
  std::size_t piece_ = 0;
  std::uint64_t offset_ = 0;
  int file_ = -1;
};

// --- Text on the wire
// --------------------------------------------------------------------------------------------

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::ranges::all_of(text, [](char c) {
           return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F;
         });
}

// POST /v1/files HTTP/1.1\r\nHost: api.example.com\r\n…\r\n\r\n
Result<std::string> head_text(const ClientRequest& request, const std::string& user_agent) {
  const auto& plan = request.plan;
  if (!is_target(plan.target))
    return fail(ErrorKind::kInvalidArgument,
                "the request target is no absolute path in ASCII without spaces");
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", http::to_string(plan.method), plan.target);
  if (!plan.headers.find("host")) head += fmt::format("Host: {}\r\n", request.origin.authority());
  if (!plan.headers.find("user-agent") && !user_agent.empty())
    head += fmt::format("User-Agent: {}\r\n", user_agent);
  for (const auto& [name, value] : plan.headers) {
    if (!is_token(name) || !is_field_value(value))
      return fail(
          ErrorKind::kInvalidArgument,
          fmt::format("header {} cannot be sent: its name or value has a forbidden character",
                      is_token(name) ? name : "(unprintable)"));
    for (const std::string_view ours :
         {"content-length", "transfer-encoding", "connection", "expect"})
      if (http::equal_ignoring_case(name, ours))
        return fail(ErrorKind::kInvalidArgument,
                    fmt::format("header {} is set by the client itself", name));
    head += fmt::format("{}: {}\r\n", name, value);
  }
  const auto length = plan.content_length();
  const bool expects_body = plan.method == http::Method::kPost ||
                            plan.method == http::Method::kPut ||
                            plan.method == http::Method::kPatch;
  if (length > 0 || expects_body) head += fmt::format("Content-Length: {}\r\n", length);
  return head + "\r\n";
}

bool is_public(const asio::ip::address& address) {
  if (address.is_v6()) {
    const auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return is_public(asio::ip::make_address_v4(asio::ip::v4_mapped, v6));
    const auto bytes = v6.to_bytes();
    const bool global_unicast = (bytes[0] & 0xE0) == 0x20;  // 2000::/3
    const bool nat64_or_tunnel =
        bytes[0] == 0x20 && (bytes[1] == 0x02 || (bytes[1] == 0x01 && bytes[2] == 0));
    return global_unicast && !nat64_or_tunnel;  // 6to4 and Teredo wrap any IPv4 address
  }
  const auto b = address.to_v4().to_bytes();
  const bool special = b[0] == 0 || b[0] == 10 || b[0] == 127 || b[0] >= 224 ||
                       (b[0] == 100 && (b[1] & 0xC0) == 64) || (b[0] == 169 && b[1] == 254) ||
                       (b[0] == 172 && (b[1] & 0xF0) == 16) || (b[0] == 192 && b[1] == 168) ||
                       (b[0] == 192 && b[1] == 0 && b[2] == 0) ||
                       (b[0] == 198 && (b[1] & 0xFE) == 18);
  return !special;
}

// --- One send
// ----------------------------------------------------------------------------------------------------

struct Transfer {
  Transfer(asio::io_context& loop, ClientRequest r, ResponseSink* s)
      : io(loop),
        request(std::move(r)),
        sink(s),
        event(loop.get_executor(), Steady::time_point::max()) {
    total_deadline = after(request.total_timeout);
  }

  /// Bytes moved: the idle time starts again.
  void touch() {
    const auto wait =
        write_error ? std::min<std::chrono::milliseconds>(request.idle_timeout, kEarlyAnswerWait)
                    : request.idle_timeout;
    step_deadline = after(wait);
  }
  /// Ends whatever is awaited; the first reason stays.
  void interrupt(Interrupt why) {
    if (interrupted == Interrupt::kNone) interrupted = why;
    close();
    event.cancel();
  }
  void close() {
    Code ignored;
    if (connection) connection->socket.close(ignored);
  }
  /// Without the query: signed links keep their secret there.
  [[nodiscard]] std::string name() const {
    return fmt::format("{} {}{}", http::to_string(request.plan.method), request.origin.text(),
                       http::path_of(request.plan.target));
  }
  [[nodiscard]] std::string progress() const {
    if (written == 0) return "nothing of the request was sent";
    if (head_seen) return fmt::format("{} bytes of the response body came", body_bytes);
    return fmt::format("{} bytes of the request were sent, no response came", written);
  }
  [[nodiscard]] std::string reason(const Code& ec) const {
    switch (interrupted) {
      case Interrupt::kStopped:
        return "the client was stopped";
      case Interrupt::kTotalTimeout:
        return fmt::format("it took longer than the {} ms allowed", request.total_timeout.count());
      case Interrupt::kStepTimeout:
        return connected ? fmt::format("timed out: no byte for {} ms", request.idle_timeout.count())
                         : fmt::format("timed out: no connection within {} ms",
                                       request.connect_timeout.count());
      case Interrupt::kNone:
        break;
    }
    if (ec == asio::error::operation_aborted) return "the caller cancelled it";
    if (ec == asio::error::eof || ec == ssl::error::stream_truncated)
      return "the server closed the connection";
    if (ec == asio::error::connection_reset || ec == asio::error::broken_pipe)
      return "the server reset the connection";
    return ec.message();
  }
  /// The error kind follows from one fact: whether a byte of the request was written.
  [[nodiscard]] std::unexpected<Error> failure(const Code& ec) const {
    const bool cancelled =
        interrupted == Interrupt::kStopped ||
        (interrupted == Interrupt::kNone && ec == asio::error::operation_aborted);
    const auto kind = cancelled      ? ErrorKind::kCancelled
                      : written == 0 ? ErrorKind::kUnavailable
                                     : ErrorKind::kDeadlineExceeded;
    return fail(kind, fmt::format("{}: {}; {}", name(), reason(ec), progress()));
  }

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

asio::awaitable<void> join_writer(Transfer* t) {
  if (t->writer_running) t->close();
  while (t->writer_running) co_await t->event.async_wait(kToken);
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

// --- Connecting
// --------------------------------------------------------------------------------------------------

struct Resolution {
  explicit Resolution(Transfer* t) : resolver(t->io.get_executor()), waiting(t) {}
  Resolver resolver;
  Transfer* waiting;
  bool done = false;
  Code ec;
  std::vector<tcp::endpoint> endpoints;
};

// getaddrinfo cannot be interrupted, so the coroutine waits for an event that a timeout ends too.
asio::awaitable<Code> resolve(Transfer* t, std::vector<tcp::endpoint>* endpoints) {
  const auto& origin = t->request.origin;
  Code ec;
  if (const auto address = asio::ip::make_address(origin.host, ec); !ec) {
    endpoints->emplace_back(address, origin.port);
    co_return ec;
  }
  auto state = std::make_shared<Resolution>(t);
  state->resolver.async_resolve(origin.host, std::to_string(origin.port),
                                [state](const Code& result, const auto& entries) {
                                  state->done = true;
                                  state->ec = result;
                                  for (const auto& entry : entries)
                                    state->endpoints.push_back(entry.endpoint());
                                  if (state->waiting != nullptr) state->waiting->event.cancel();
                                });
  co_await t->event.async_wait(kToken);
  state->waiting = nullptr;
  if (!state->done) {
    state->resolver.cancel();
    co_return asio::error::operation_aborted;
  }
  *endpoints = std::move(state->endpoints);
  co_return state->ec;
}

Result<void> prepare_tls(Transfer* t, ssl::context* context) {
  auto& tls = t->connection->tls.emplace(t->connection->socket, *context);
  const auto& host = t->request.origin.host;
  auto* handle = tls.native_handle();
  auto* parameters = SSL_get0_param(handle);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  Code is_name;
  (void)asio::ip::make_address(host, is_name);
  const bool set = is_name
                       ? X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()) == 1 &&
                             SSL_set_tlsext_host_name(handle, host.c_str()) == 1
                       : X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  if (!set)
    return fail(ErrorKind::kUnavailable, fmt::format("{}: TLS cannot check this host", t->name()));
  return {};
}

asio::awaitable<Result<void>> handshake(Transfer* t, ssl::context* context) {
  if (auto prepared = prepare_tls(t, context); !prepared) co_return prepared;
  auto& tls = *t->connection->tls;
  const auto [ec] = co_await tls.async_handshake(ssl::stream_base::client, kToken);
  if (!ec) co_return Result<void>();
  if (t->interrupted != Interrupt::kNone || ec == asio::error::operation_aborted)
    co_return t->failure(ec);
  const auto verified = SSL_get_verify_result(tls.native_handle());
  const std::string why =
      verified == X509_V_OK ? ec.message() : X509_verify_cert_error_string(verified);
  co_return fail(
      ErrorKind::kUnavailable,
      fmt::format("{}: TLS failed: {}; nothing of the request was sent", t->name(), why),
      verified == X509_V_OK ? "" : "the server's certificate is not trusted for this host");
}

// Tries the addresses in turn; each gets its share of the time, so a dead first one leaves some for
// the next.
asio::awaitable<Result<void>> connect_any(Transfer* t, std::vector<tcp::endpoint> endpoints,
                                          std::uint32_t header_bytes_max) {
  const auto deadline = t->step_deadline;
  Code ec = asio::error::host_not_found;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (t->request.public_addresses_only && !is_public(endpoints[i].address()))
      co_return fail(ErrorKind::kInvalidArgument,
                     fmt::format("{}: the host has the private address {}; nothing was sent",
                                 t->name(), endpoints[i].address().to_string()));
    const auto now = Steady::now();
    t->step_deadline = now + (deadline - now) / (endpoints.size() - i);
    t->connection = std::make_unique<Connection>(t->io, header_bytes_max);
    std::tie(ec) = co_await t->connection->socket.async_connect(endpoints[i], kToken);
    if (!ec && t->interrupted == Interrupt::kNone) break;
    const bool cancelled =
        t->interrupted == Interrupt::kNone && ec == asio::error::operation_aborted;
    const bool ended = cancelled || t->interrupted == Interrupt::kTotalTimeout ||
                       t->interrupted == Interrupt::kStopped;
    if (ended || i + 1 == endpoints.size()) co_return t->failure(ec);
    t->interrupted = Interrupt::kNone;
  }
  if (endpoints.empty()) co_return t->failure(ec);
  t->step_deadline = deadline;
  t->connection->socket.set_option(tcp::no_delay(true), ec);
  co_return Result<void>();
}

}  // namespace

// --- The pool
// ----------------------------------------------------------------------------------------------------

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
  Result<ssl::context*> tls_context();
  void reuse_idle(Transfer* t);
  void release(Transfer* t);
  void start_ticking();
  void tick();

  asio::io_context& io_;
  const Options options_;
  std::map<std::string, OriginState> origins_;
  std::unordered_set<Transfer*> running_;
  std::optional<ssl::context> tls_;
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
    co_await join_writer(&transfer);  // it uses the transfer, which ends here
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return result;
}

asio::awaitable<Result<void>> HttpClient::Pool::perform(Transfer* t) {
  auto head = head_text(t->request, options_.user_agent);
  if (!head) co_return std::unexpected(std::move(head).error());
  if (auto opened = t->body.open(&t->request.plan.body, t->request.image_path); !opened)
    co_return opened;
  t->chunk = *std::move(head);
  if (auto filled = t->body.fill(&t->chunk, kFirstChunk); !filled) co_return filled;
  if (auto acquired = co_await acquire(t); !acquired) co_return acquired;
  reuse_idle(t);
  if (!t->connection)
    if (auto connected = co_await connect(t); !connected) co_return connected;
  t->connected = true;
  co_return co_await exchange(t, options_.header_bytes_max);
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
  ssl::context* context = nullptr;
  if (t->request.origin.tls) {
    auto made = tls_context();
    if (!made) co_return std::unexpected(std::move(made).error());
    context = *made;
  }
  t->step_deadline = after(t->request.connect_timeout);
  std::vector<tcp::endpoint> endpoints;
  if (const auto ec = co_await resolve(t, &endpoints); ec) co_return t->failure(ec);
  if (t->interrupted != Interrupt::kNone) co_return t->failure(asio::error::operation_aborted);
  auto connected = co_await connect_any(t, std::move(endpoints), options_.header_bytes_max);
  if (!connected || context == nullptr) co_return connected;
  co_return co_await handshake(t, context);
}

Result<ssl::context*> HttpClient::Pool::tls_context() {
  if (tls_) return &*tls_;
  ssl::context context(ssl::context::tls_client);
  Code ec;
  context.set_options(
      ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, ec);
  context.set_default_verify_paths(ec);
  if (!ec) context.set_verify_mode(ssl::verify_peer, ec);
  if (!ec && !options_.ca_file.empty()) context.load_verify_file(options_.ca_file, ec);
  if (ec)
    return fail(
        ErrorKind::kInvalidArgument,
        fmt::format("cannot load the trusted certificates{}{}: {}",
                    options_.ca_file.empty() ? "" : " of ", options_.ca_file, ec.message()));
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  tls_.emplace(std::move(context));
  return &*tls_;
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
  if (origin.active == 0 && origin.idle.empty() && origin.waiting.empty()) origins_.erase(found);
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
    if (now >= t->total_deadline)
      t->interrupt(Interrupt::kTotalTimeout);
    else if (now >= t->step_deadline)
      t->interrupt(Interrupt::kStepTimeout);
  }
  bool idle = false;
  for (auto it = origins_.begin(); it != origins_.end();) {
    auto& origin = it->second;
    std::erase_if(origin.idle, [&](const auto& connection) {
      return now - connection->idle_since >= options_.idle_connection_age_max;
    });
    idle = idle || !origin.idle.empty();
    const bool empty = origin.active == 0 && origin.idle.empty() && origin.waiting.empty();
    it = empty ? origins_.erase(it) : std::next(it);
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
