#include "runtime/control_socket.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <cstring>
#include <filesystem>
#include <thread>

#include "runtime/posix_files.h"
#include "runtime/store_lock.h"
#include "runtime/store_test_folder.h"

namespace weir::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Command = ControlRequest::Command;

// A server on a loop of its own thread.
class Owner {
 public:
  explicit Owner(const std::string& folder) {
    auto made = ControlServer::listen(io_, folder, [this](const ControlRequest& request) {
      ++asked;
      if (request.command == Command::kCancel)
        return Result<std::string>(fail(ErrorKind::kInvalidArgument, "no"));
      return Result<std::string>(R"({"pid":1})");
    });
    EXPECT_TRUE(made.has_value()) << made.error().text();
    server_ = std::move(*made);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Owner() { stop(); }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { server_->stop(); });
    thread_.join();
  }
  std::atomic<int> asked = 0;

 private:
  boost::asio::io_context io_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

// A connection that says what it likes.
int connect_raw(const std::string& folder) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = folder + "/socket";
  std::memcpy(address.sun_path, path.data(), path.size());
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string say(int fd, std::string_view text) {
  EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  std::string reply(4096, '\0');
  const auto got = ::recv(fd, reply.data(), reply.size(), 0);
  reply.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return reply;
}

TEST(ControlSocket, TheOwnerAnswersAndNobodyElseMayConnect) {
  StoreTestFolder folder;
  Owner owner(folder.path());
  EXPECT_EQ(rights(folder.path("socket")), 0600U);
  EXPECT_EQ(ask_owner(folder.path(), {}).value(), R"({"pid":1})");
  EXPECT_EQ(ask_owner(folder.path(), {.command = Command::kCancel}).error().message, "no");
  EXPECT_EQ(owner.asked, 2);
  owner.stop();
  EXPECT_FALSE(std::filesystem::exists(folder.path("socket")));
  EXPECT_EQ(ask_owner(folder.path(), {}).error().kind, ErrorKind::kNotFound);
}

TEST(ControlSocket, ADeadProcessesSocketIsReplaced) {
  StoreTestFolder folder;
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = folder.path("socket");
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  EXPECT_EQ(ask_owner(folder.path(), {}).error().kind, ErrorKind::kNotFound);
  const Owner owner(folder.path());
  EXPECT_TRUE(ask_owner(folder.path(), {}).has_value());
}

TEST(ControlSocket, AFolderWithALongPathWorks) {
  StoreTestFolder folder;
  const auto deep = folder.path(std::string(100, 'a')) + "/" + std::string(100, 'b');
  std::filesystem::create_directories(deep);
  const Owner owner(deep);
  EXPECT_TRUE(ask_owner(deep, {}).has_value());
}

TEST(ControlSocket, HostileConnectionsHarmNobody) {
  StoreTestFolder folder;
  Owner owner(folder.path());
  for (const std::string_view text :
       {std::string_view("\n"), std::string_view("{}\n"), std::string_view("\0\0\n", 3),
        std::string_view("{\"v\":1,\"command\":\"cancel\",\"command\":\"progress\"}\n")}) {
    const int fd = connect_raw(folder.path());
    EXPECT_THAT(say(fd, text), HasSubstr(R"("ok":false)"));
    ::close(fd);
  }
  const int endless = connect_raw(folder.path());
  EXPECT_THAT(say(endless, std::string(2 * kControlLineBytesMax, 'x')), HasSubstr("too long"));
  ::close(endless);
  EXPECT_EQ(owner.asked, 0);
  // Silent ones: as many as are let in, and more; they are closed, and until then others are turned away.
  std::vector<int> silent;
  for (std::size_t i = 0; i < ControlServer::kConnectionsMax + 4; ++i)
    silent.push_back(connect_raw(folder.path()));
  EXPECT_FALSE(ask_owner(folder.path(), {}, 500ms).has_value());
  for (const int fd : silent) ::close(fd);
  auto answered = ask_owner(folder.path(), {});
  for (int i = 0; i < 50 && !answered; ++i) {
    std::this_thread::sleep_for(20ms);
    answered = ask_owner(folder.path(), {});
  }
  EXPECT_TRUE(answered.has_value());
}

TEST(StoreOwner, IsTheLivingProcessThatTheLockNames) {
  StoreTestFolder folder;
  EXPECT_FALSE(store_owner(folder.path()).has_value());
  const Time now = from_unix_seconds(1'795'000'000);
  auto lock = StoreLock::acquire(folder.path(), now);
  ASSERT_TRUE(lock.has_value());
  const auto owner = store_owner(folder.path());
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->pid, ::getpid());
  EXPECT_EQ(owner->since, to_rfc3339(now));
  lock->reset();
  EXPECT_FALSE(store_owner(folder.path()).has_value());
}

TEST(StoreOwner, AnotherProcessWithTheSamePidIsNotIt) {
  StoreTestFolder folder;
  for (const auto& text : {fmt::format("pid {} since 2026-11-24T00:00:00Z start 1", ::getpid()),
                           std::string("pid 2147483646 since 2026-11-24T00:00:00Z start 1"),
                           fmt::format("pid {} since 2026-11-24T00:00:00Z", ::getpid()),
                           std::string("pid -1"), std::string()}) {
    ASSERT_TRUE(write_whole_file(folder.path("lock"), text).has_value());
    EXPECT_FALSE(store_owner(folder.path()).has_value()) << text;
  }
}

}  // namespace
}  // namespace weir::runtime
