#include "runtime/store_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace weir::runtime {

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
    const std::string owner(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    return fail(ErrorKind::kUnavailable,
                fmt::format("the job in {} is running already ({})", folder,
                            owner.empty() ? "owner unknown" : owner),
                "wait for it or stop it; weir report shows where it stands");
  }
  const auto text = fmt::format("pid {} since {}", ::getpid(), to_rfc3339(now));
  std::unique_ptr<StoreLock> lock(new StoreLock(fd));
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0)
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return lock;
}

StoreLock::~StoreLock() { ::close(fd_); }

}  // namespace weir::runtime
