#include "runtime/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "runtime/http_io.h"

namespace weir::runtime {
namespace {

namespace asio = boost::asio;
using internal::Code;
using internal::kToken;
using Local = asio::local::stream_protocol;
using LocalSocket = asio::basic_stream_socket<Local, internal::Executor>;
using LocalAcceptor = asio::basic_socket_acceptor<Local, internal::Executor>;
constexpr const char* kName = "socket";

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::unexpected<Error> socket_failure(std::string_view doing, const std::string& folder) {
  const int code = errno;
  const bool absent = code == ENOENT || code == ECONNREFUSED || code == ENOTDIR;
  const bool late = code == EAGAIN || code == EINPROGRESS || code == ETIMEDOUT;
  return fail(absent ? ErrorKind::kNotFound
              : late ? ErrorKind::kDeadlineExceeded
                     : ErrorKind::kUnavailable,
              fmt::format("cannot {} the socket of {}: {}", doing, folder,
                          late ? "no answer in time" : std::strerror(code)));
}

// The address of the folder's socket. sun_path has 108 bytes: a longer path goes by the folder's descriptor.
sockaddr_un address_of(const std::string& folder, int folder_fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto path = fmt::format("{}/{}", folder, kName);
  if (path.size() >= sizeof address.sun_path)
    path = fmt::format("/proc/self/fd/{}/{}", folder_fd, kName);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int open_folder(const std::string& folder) {
  return ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

// The socket's mode keeps others out; this does as well where a file system has no modes.
bool is_same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

Result<int> bind_socket(const std::string& folder, int folder_fd) {
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return socket_failure("make", folder);
  ::fchmod(fd.get(), 0600);  // of the file that bind() makes
  if (::unlinkat(folder_fd, kName, 0) != 0 && errno != ENOENT)
    return socket_failure("replace", folder);
  const auto address = address_of(folder, folder_fd);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return socket_failure("bind", folder);
  if (::fchmodat(folder_fd, kName, 0600, 0) != 0 || ::listen(fd.get(), 16) != 0)
    return socket_failure("listen on", folder);
  return fd.release();
}

}  // namespace

class ControlServer::Listener : public std::enable_shared_from_this<ControlServer::Listener> {
 public:
  Listener(asio::io_context& io, int folder_fd, Handler handler)
      : io_(io), folder_(folder_fd), handler_(std::move(handler)), acceptor_(io.get_executor()) {}

  Result<void> start(const std::string& folder) {
    WEIR_TRY(const int fd, bind_socket(folder, folder_.get()));
    Code code;
    acceptor_.assign(Local(), fd, code);
    if (code) {
      ::close(fd);
      return fail(ErrorKind::kUnavailable, "cannot listen for commands: " + code.message());
    }
    asio::co_spawn(io_, accept(shared_from_this()), asio::detached);
    return {};
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    ::unlinkat(folder_.get(), kName, 0);
    Code ignored;
    acceptor_.close(ignored);
    for (auto* session : sessions_) session->close();
  }

 private:
  // One connection: its socket, and the timer that closes it.
  struct Session {
    Session(LocalSocket accepted, internal::Executor executor)
        : socket(std::move(accepted)), timer(executor) {}
    void close() {
      Code ignored;
      socket.close(ignored);
      timer.cancel();
    }
    LocalSocket socket;
    internal::Timer timer;
    std::string request, reply;
  };

  static asio::awaitable<void> accept(std::shared_ptr<Listener> self) {
    while (!self->stopping_) {
      auto [code, socket] = co_await self->acceptor_.async_accept(kToken);
      if (self->stopping_ || code == asio::error::operation_aborted) break;
      if (code) {  // out of descriptors, for the moment
        internal::Timer pause(self->io_.get_executor(), std::chrono::milliseconds(100));
        co_await pause.async_wait(kToken);
        continue;
      }
      if (self->sessions_.size() >= kConnectionsMax || !is_same_user(socket.native_handle()))
        continue;
      auto session = std::make_shared<Session>(std::move(socket), self->io_.get_executor());
      self->sessions_.insert(session.get());
      asio::co_spawn(self->io_, watch(session), asio::detached);
      asio::co_spawn(self->io_, serve(self, session), asio::detached);
    }
  }

  static asio::awaitable<void> watch(std::shared_ptr<Session> session) {
    session->timer.expires_after(kTimeout);
    auto [code] = co_await session->timer.async_wait(kToken);
    Code ignored;
    if (!code) session->socket.close(ignored);
  }

  static asio::awaitable<void> serve(std::shared_ptr<Listener> self,
                                     std::shared_ptr<Session> session) {
    auto buffer = asio::dynamic_buffer(session->request, kControlLineBytesMax);
    auto [code, bytes] = co_await asio::async_read_until(session->socket, buffer, '\n', kToken);
    if (!self->stopping_ && (!code || code == asio::error::not_found)) {
      session->reply = self->answer(std::string_view(session->request).substr(0, bytes)) + "\n";
      auto [failed, sent] =
          co_await asio::async_write(session->socket, asio::buffer(session->reply), kToken);
      (void)failed, (void)sent;  // whoever asked has gone
    }
    self->sessions_.erase(session.get());
    session->close();
  }

  std::string answer(std::string_view line) {
    if (line.empty())
      return control_reply(fail(ErrorKind::kInvalidArgument, "the request is too long"));
    line.remove_suffix(1);
    const auto request = parse_control(line);
    return control_reply(request ? handler_(*request)
                                 : Result<std::string>(std::unexpected(request.error())));
  }

  asio::io_context& io_;
  Descriptor folder_;
  Handler handler_;
  LocalAcceptor acceptor_;
  std::unordered_set<Session*> sessions_;
  bool stopping_ = false;
};

ControlServer::ControlServer(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
ControlServer::~ControlServer() { stop(); }
void ControlServer::stop() { listener_->stop(); }

Result<std::unique_ptr<ControlServer>> ControlServer::listen(asio::io_context& io,
                                                             const std::string& folder,
                                                             Handler handler) {
  const int fd = open_folder(folder);
  if (fd < 0) return socket_failure("make", folder);
  auto listener = std::make_shared<Listener>(io, fd, std::move(handler));
  WEIR_CHECK(listener->start(folder));
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(listener)));
}

Result<std::string> ask_owner(const std::string& folder, const ControlRequest& request,
                              std::chrono::milliseconds timeout) {
  const Descriptor folder_fd(open_folder(folder));
  if (folder_fd.get() < 0) return socket_failure("open", folder);
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return socket_failure("open", folder);
  timeval limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_usec = timeout.count() % 1000 * 1000;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const auto address = address_of(folder, folder_fd.get());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return socket_failure("reach", folder);
  const auto line = write_control(request) + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    const auto sent = ::send(fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return socket_failure("write to", folder);
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  std::string reply(kControlReplyBytesMax, '\0');
  std::size_t size = 0;
  while (size < reply.size()) {
    const auto got = ::recv(fd.get(), reply.data() + size, reply.size() - size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return socket_failure("read", folder);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (reply[size - 1] == '\n') return read_control_reply({reply.data(), size - 1});
  }
  return fail(ErrorKind::kDeadlineExceeded,
              fmt::format("the owner of {} closed the socket before it answered", folder),
              "it may have ended: weir job show tells");
}

}  // namespace weir::runtime
