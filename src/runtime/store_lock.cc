#include "runtime/store_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "runtime/posix_files.h"

namespace weir::runtime {

namespace {

constexpr std::string_view kStart = " start ";

// When a process began, in the kernel's ticks since boot: with the pid it names a process for good. Nothing when there is none, or
// a dead one that nobody has waited for.
std::optional<std::string> process_start(std::int64_t pid) {
  const auto bytes = read_whole_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!bytes) return std::nullopt;
  // "123 (a name) S 1 …": the name may hold anything, so fields are counted from its end.
  std::istringstream fields(bytes->substr(std::min(bytes->rfind(')') + 1, bytes->size())));
  std::string field;
  constexpr int kState = 3, kBegan = 22;
  for (int at = kState; at <= kBegan && fields >> field; ++at) {
    if (at == kState && (field == "Z" || field == "X")) return std::nullopt;
    if (at == kBegan) return field;
  }
  return std::nullopt;
}

}  // namespace

std::optional<StoreOwner> store_owner(const std::string& folder) {
  const auto text = read_whole_file(folder + "/lock", 256);
  if (!text) return std::nullopt;
  // pid 123 since 2026-11-24T00:00:00Z start 4567
  std::istringstream words(*text);
  std::string pid_word, since_word, start_word, began;
  StoreOwner owner;
  if (!(words >> pid_word >> owner.pid >> since_word >> owner.since >> start_word >> began))
    return std::nullopt;
  if (owner.pid <= 0 || process_start(owner.pid) != began) return std::nullopt;
  return owner;
}

Result<std::unique_ptr<StoreLock>> StoreLock::acquire(const std::string& folder, Time now) {
  const std::string path = folder + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 128> text{};
    const auto got = ::pread(fd, text.data(), text.size(), 0);
    ::close(fd);
    std::string owner(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    owner = owner.substr(0, owner.find(kStart));
    return fail(ErrorKind::kUnavailable,
                fmt::format("the job in {} is running already ({})", folder,
                            owner.empty() ? "owner unknown" : owner),
                "wait for it or stop it; weir job watch shows where it stands");
  }
  const auto text = fmt::format("pid {} since {}{}{}", ::getpid(), to_rfc3339(now), kStart,
                                process_start(::getpid()).value_or("?"));
  std::unique_ptr<StoreLock> lock(new StoreLock(fd));
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0)
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return lock;
}

StoreLock::~StoreLock() {
  [[maybe_unused]] const int ignored = ::ftruncate(fd_, 0);  // nobody owns it any more
  ::close(fd_);
}

}  // namespace weir::runtime
