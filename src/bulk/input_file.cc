#include "bulk/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::bulk {
namespace {
constexpr std::size_t kWriteBufferBytes = 64U
                                          << 10;  // large enough that the system call is no cost
}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

std::unexpected<Error> io_failure(ErrorKind kind, std::string_view what, const std::string& path) {
  const int code = errno;
  return fail(kind, fmt::format("{} {}: {}", what, path, std::strerror(code)));
}

Result<Fd> open_to_read(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return Fd(fd);
  if (errno == ENOENT || errno == ENOTDIR)
    return fail(ErrorKind::kNotFound, path + " does not exist", "check the path");
  if (errno == EACCES)
    return fail(ErrorKind::kInvalidArgument, path + " may not be read: Permission denied",
                "change its permissions");
  return io_failure(ErrorKind::kInvalidArgument, "cannot open", path);
}

Result<Fd> open_to_write(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return io_failure(ErrorKind::kUnavailable, "cannot write", path);
  return Fd(fd);
}

Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<char> out,
                            const std::string& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_failure(ErrorKind::kUnavailable, "cannot read", path);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<void> write_at(int fd, std::uint64_t offset, std::string_view bytes,
                      const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_failure(ErrorKind::kUnavailable, "cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> sync_file(int fd, const std::string& path) {
  if (::fsync(fd) != 0) return io_failure(ErrorKind::kUnavailable, "cannot write", path);
  return {};
}

Result<void> sync_folder(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return io_failure(ErrorKind::kUnavailable, "cannot open", path);
  return sync_file(fd.get(), path);
}

Result<FileIdentity> identity_of(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return io_failure(ErrorKind::kUnavailable, "cannot read", path);
  return FileIdentity{.inode = info.st_ino,
                      .size = static_cast<std::uint64_t>(info.st_size),
                      .mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  WEIR_TRY(const auto fd, open_to_read(path));
  WEIR_TRY(const auto identity, identity_of(fd.get(), path));
  if (identity.size > bytes_max)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} is larger than {} bytes", path, bytes_max));
  std::string out(identity.size, '\0');
  WEIR_TRY(const auto length, read_at(fd.get(), 0, out, path));
  out.resize(length);
  return out;
}

Result<BufferedWriter> BufferedWriter::create(const std::string& path) {
  BufferedWriter out;
  WEIR_TRY(out.fd_, open_to_write(path));
  out.path_ = path;
  out.buffer_.reserve(kWriteBufferBytes);
  return out;
}

Result<void> BufferedWriter::append(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kWriteBufferBytes) WEIR_CHECK(flush());
  buffer_ += bytes;
  return {};
}

Result<void> BufferedWriter::flush() {
  WEIR_CHECK(write_at(fd_.get(), written_, buffer_, path_));
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<void> BufferedWriter::sync() {
  WEIR_CHECK(flush());
  return sync_file(fd_.get(), path_);
}

ChunkReader::ChunkReader(int fd, std::string path, OnChunk on_chunk)
    : fd_(fd), path_(std::move(path)), on_chunk_(std::move(on_chunk)), buffer_(kChunkBytes, '\0') {
  ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

Result<std::string_view> ChunkReader::next() {
  WEIR_TRY(const auto length, read_at(fd_, offset_, buffer_, path_));
  const auto bytes = std::string_view(buffer_).substr(0, length);
  if (length != 0 && on_chunk_) on_chunk_(offset_ / kChunkBytes, bytes);
  offset_ += length;
  return bytes;
}

}  // namespace weir::bulk
