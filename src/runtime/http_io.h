#pragma once
// Internal to http_client and http_server: the I/O types that both are built on, and the limits
// they share. Sockets and timers carry the io_context's own executor, not Asio's type-erased one.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>

namespace weir::runtime::internal {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using Code = boost::system::error_code;
using Steady = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Timer = asio::basic_waitable_timer<Steady, asio::wait_traits<Steady>, Executor>;
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<>> kToken{};

// One coarse timer looks at all sends, or all connections: re-arming a timer for each read and
// write costs more than the request.
inline constexpr auto kTick = std::chrono::milliseconds(50);
// Most messages are small; the read grows when one fills it.
inline constexpr std::size_t kReadSmall = 16 * 1024;
inline constexpr std::size_t kReadLarge = 64 * 1024;

// A "forever" from the caller must not overflow the clock's nanoseconds.
inline constexpr std::chrono::milliseconds kTimeoutMax = std::chrono::hours(24 * 365);

inline Steady::time_point after(std::chrono::milliseconds timeout) {
  return Steady::now() + std::min(timeout, kTimeoutMax);
}

}  // namespace weir::runtime::internal
