#include "recorder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace weir_test {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  address.sin_port = ::htons(static_cast<std::uint16_t>(port));
  return address;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::size_t body_length(const std::string& head) {
  std::string lower = head;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto at = lower.find("\r\ncontent-length:");
  return at == std::string::npos ? 0 : std::stoul(lower.substr(at + 17));
}

// One request whole, as it came; nothing when the connection ended before.
std::optional<std::string> read_request(int client) {
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const auto end = bytes.find("\r\n\r\n");
    if (end != std::string::npos && bytes.size() >= end + 4 + body_length(bytes.substr(0, end)))
      return bytes;
    const auto got = ::recv(client, buffer, sizeof buffer, 0);
    if (got <= 0) return std::nullopt;
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

Recorder::Recorder(const Simulator& simulator)
    : upstream_port_(std::stoi(simulator.url().substr(simulator.url().rfind(':') + 1))) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener_, 256) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    std::abort();
  url_ = "http://127.0.0.1:" + std::to_string(::ntohs(address.sin_port));
  acceptor_ = std::jthread([this] { accept(); });
}

Recorder::~Recorder() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
}

void Recorder::accept() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) break;
    connections_.emplace_back([this, client] { serve(client); });
  }
  connections_.clear();
}

// One request a connection: the simulator is asked to close, and so does the answer tell Weir.
void Recorder::serve(int client) {
  const int upstream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(upstream_port_);
  if (auto request = read_request(client);
      request &&
      ::connect(upstream, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    {
      const std::scoped_lock lock(mutex_);
      seen_.push_back(*request);
    }
    request->insert(request->find("\r\n") + 2, "Connection: close\r\n");
    char buffer[65536];
    bool going = write_all(upstream, *request);
    while (going) {
      const auto got = ::recv(upstream, buffer, sizeof buffer, 0);
      going = got > 0 && write_all(client, {buffer, static_cast<std::size_t>(got)});
    }
  }
  ::close(upstream);
  ::close(client);
}

std::vector<std::string> Recorder::requests(const std::string& begin) const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> out;
  std::ranges::copy_if(seen_, std::back_inserter(out),
                       [&](const std::string& request) { return request.starts_with(begin); });
  return out;
}

std::size_t Recorder::mentions(const std::string& what) const {
  std::size_t count = 0;
  for (const auto& request : requests())
    for (auto at = request.find(what); at != std::string::npos;
         at = request.find(what, at + what.size()))
      ++count;
  return count;
}

}  // namespace weir_test
