#include "bulk/hits_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/posix_files.h"

namespace weir::bulk {
namespace {

constexpr std::size_t kHitsBytesMax = 1U << 20;  // 4,096 entries of at most 80 bytes

class Locked {
 public:
  explicit Locked(const std::string& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    int held = -1;
    do {
      held = fd_ < 0 ? -1 : ::flock(fd_, LOCK_EX);
    } while (held != 0 && fd_ >= 0 && errno == EINTR);
    held_ = held == 0;
  }
  ~Locked() {
    if (fd_ >= 0) ::close(fd_);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

}  // namespace

Result<plan::PrefixStats> read_hits(const std::string& path) {
  const auto text = runtime::read_whole_file(path, kHitsBytesMax);
  if (!text && text.error().kind == ErrorKind::kNotFound) return plan::PrefixStats();
  if (!text) return std::unexpected(text.error());
  auto stats = plan::PrefixStats::parse(*text);
  if (stats) return stats;
  auto error = std::move(stats).error();
  error.message = fmt::format("{}: {}", path, error.message);
  error.hint = "name another file, or delete this one to start anew";
  return std::unexpected(std::move(error));
}

Result<void> add_hits(const std::string& path, const plan::PrefixStats& seen) {
  const Locked lock(path + ".lock");
  if (!lock.held())
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot lock {}.lock: {}", path, std::strerror(errno)));
  WEIR_TRY(auto all, read_hits(path));
  all.merge(seen);
  return runtime::write_whole_file(path, all.to_text());
}

}  // namespace weir::bulk
