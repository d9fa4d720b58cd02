#include "front.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <tuple>

#include "runtime/thread_priority.h"

namespace weir_bench {
namespace {

constexpr std::string_view kAnswer =
    R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-5",)"
    R"("content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn","stop_sequence":null,)"
    R"("usage":{"input_tokens":8,"output_tokens":1}})";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Adds what comes. @return false at the end.
bool receive(int from, std::string& into) {
  std::array<char, 4096> buffer;  // little: a kernel without preemption ends what it began
  const auto n = ::recv(from, buffer.data(), buffer.size(), 0);
  if (n > 0) into.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0;
}

// A thread is idle as the one that made it.
void relay(int from, int to) {
  for (std::string bytes; receive(from, bytes) && send_all(to, bytes);) bytes.clear();
  std::ignore = ::shutdown(from, SHUT_RD);
  std::ignore = ::shutdown(to, SHUT_WR);
}

void pass_on(int client, std::uint16_t port) {
  weir::runtime::begin_thread("front-relay", weir::runtime::ThreadPriority::kIdle);
  const int simulator = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto address = loopback(port);
  if (::connect(simulator, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    std::jthread back([&] { relay(simulator, client); });
    relay(client, simulator);
  }
  ::close(simulator);
  ::close(client);
}

// The bytes of the first request, where it is whole; 0 where it is not yet.
std::size_t whole_request(std::string_view bytes) {
  constexpr std::string_view kLength = "\r\ncontent-length: ";
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  std::string head(bytes.substr(0, end));
  for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::size_t length = 0;
  if (const auto at = head.find(kLength); at != std::string::npos)
    std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
  const auto size = end + 4 + length;
  return bytes.size() < size ? 0 : size;
}

void answer(int client, std::chrono::milliseconds latency) {
  const std::string reply =
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " +
      std::to_string(kAnswer.size()) + "\r\n\r\n" + std::string(kAnswer);
  std::string bytes;
  while (receive(client, bytes)) {
    const auto size = whole_request(bytes);
    if (size == 0) continue;
    bytes.erase(0, size);
    std::this_thread::sleep_for(latency);
    if (!send_all(client, reply)) break;
  }
  ::close(client);
}

// By its first request: Weir's clients of single requests and of batches have connections of their own.
bool is_single(int client) {
  std::array<char, 64> begin{};
  const auto n = ::recv(client, begin.data(), begin.size(), MSG_PEEK);
  return n > 0 &&
         std::string_view(begin.data(), static_cast<std::size_t>(n)).contains("/v1/messages ");
}

[[noreturn]] void accept_all(int listener, std::uint16_t simulator_port,
                             std::chrono::milliseconds latency) {
  std::ignore = ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::ignore = ::prctl(PR_SET_TIMERSLACK, 1);
  for (;;) {
    const int client = ::accept(listener, nullptr, nullptr);
    if (client < 0) std::_Exit(1);
    const int on = 1;
    std::ignore = ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // Detached: the process is killed, not ended.
    if (is_single(client)) std::thread(answer, client, latency).detach();
    else std::thread(pass_on, client, simulator_port).detach();
  }
}

}  // namespace

std::string start_front(const std::string& simulator_url, std::chrono::milliseconds latency) {
  std::uint16_t simulator_port = 0;
  const auto colon = simulator_url.rfind(':') + 1;
  std::from_chars(simulator_url.data() + colon, simulator_url.data() + simulator_url.size(),
                  simulator_port);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, any, size) != 0 || ::listen(listener, 64) != 0 ||
      ::getsockname(listener, any, &size) != 0)
    return "";
  const auto pid = ::fork();
  if (pid == 0) accept_all(listener, simulator_port, latency);
  ::close(listener);
  return pid < 0 ? "" : "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

}  // namespace weir_bench
