#include "runtime/posix_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::runtime {
namespace {

std::unexpected<Error> file_failure(std::string_view doing, const std::string& path) {
  const int code = errno;
  std::string hint;
  if (code == ENOSPC || code == EDQUOT)
    hint = "free some space, then run the same command: it goes on where it stopped";
  if (code == EACCES || code == EPERM || code == EROFS) hint = "check who may write there";
  return fail(code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kUnavailable,
              fmt::format("cannot {} {}: {}", doing, path, std::strerror(code)), hint);
}

class PosixFile final : public engine::File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override {
    std::size_t got = 0;
    while (got < out.size()) {
      const auto n =
          ::pread(fd_, out.data() + got, out.size() - got, static_cast<off_t>(offset + got));
      if (n == 0) break;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return file_failure("read", path_);
      got += static_cast<std::size_t>(n);
    }
    return got;
  }

  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return file_failure("write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return file_failure("look at", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return file_failure("cut", path_);
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_) != 0) return file_failure("sync", path_);
    return {};
  }

 private:
  int fd_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<engine::File>> PosixFiles::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const bool fresh = fd < 0 && errno == ENOENT;
  if (fresh) fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return file_failure("open", path);
  auto file = std::make_unique<PosixFile>(fd, path);
  // Whoever created it may have died before this; nothing was written then.
  WEIR_TRY(const auto size, file->size());
  if (fresh || size == 0) WEIR_CHECK(sync_folder_of(path));
  return file;
}

Result<std::unique_ptr<engine::File>> PosixFiles::open_existing(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return file_failure("open", path);
  return std::make_unique<PosixFile>(fd, path);
}

Result<void> sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // One may create files in a folder that one may not read; it cannot be synced then.
  if (fd < 0) return errno == EACCES ? Result<void>() : file_failure("open", folder);
  const bool synced = ::fsync(fd) == 0 || errno == EINVAL || errno == EROFS;  // not every one can
  const int code = errno;
  ::close(fd);
  errno = code;
  if (!synced) return file_failure("sync", folder);
  return {};
}

Result<void> PosixFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return file_failure("remove", path);
  return {};
}

Result<void> PosixFiles::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return file_failure("replace", to);
  return sync_folder_of(to);  // the new name survives a power loss
}

Result<std::unique_ptr<engine::File>> ReadOnlyFiles::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return file_failure("read", path);
  return std::make_unique<PosixFile>(fd, path);
}

Result<void> ReadOnlyFiles::remove(const std::string& path) {
  return fail(ErrorKind::kUnsupported, fmt::format("{} is only read here", path));
}

Result<void> make_private_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return sync_folder_of(path);
  struct stat info{};
  if (errno == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return sync_folder_of(path);  // whoever created it may have died before that
  return file_failure("create the folder", path);
}

Result<std::string> read_whole_file(const std::string& path, std::size_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return file_failure("read", path);
  PosixFile file(fd, path);
  std::string bytes(bytes_max + 1, '\0');
  WEIR_TRY(const auto got, file.read(0, bytes));
  if (got > bytes_max)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} is larger than {} bytes", path, bytes_max));
  bytes.resize(got);
  return bytes;
}

Result<void> write_whole_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return file_failure("write", temporary);
  PosixFile file(fd, temporary);
  WEIR_CHECK(file.write(0, bytes));
  WEIR_CHECK(file.sync());
  if (::rename(temporary.c_str(), path.c_str()) != 0) return file_failure("replace", path);
  return sync_folder_of(path);
}

}  // namespace weir::runtime
