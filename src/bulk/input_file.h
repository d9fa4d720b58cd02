#pragma once
// Internal to bulk's input: POSIX files with errors that name the path and the system's reason. Not
// thread-safe but for positional reads.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "bulk/input.h"

namespace weir::bulk {

/// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// "cannot read /x/y: No space left on device", from errno.
std::unexpected<Error> io_failure(ErrorKind kind, std::string_view what, const std::string& path);

/// @error kNotFound; kInvalidArgument no permission, or it cannot be opened for another reason.
Result<Fd> open_to_read(const std::string& path);
/// Created (0600) or emptied; may be read back. @error kUnavailable.
Result<Fd> open_to_write(const std::string& path);
/// Reads at `offset` until `out` is full or the file ends. @error kUnavailable.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<char> out,
                            const std::string& path);
Result<void> write_at(int fd, std::uint64_t offset, std::string_view bytes,
                      const std::string& path);
Result<void> sync_file(int fd, const std::string& path);
/// Makes renames and new files in it durable.
Result<void> sync_folder(const std::string& path);
Result<FileIdentity> identity_of(int fd, const std::string& path);
/// The whole of a small file. @error kNotFound; kInvalidArgument larger than bytes_max;
/// kUnavailable.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

/// Appends through a buffer; flush() before the file is read by others. What is not flushed is
/// lost.
class BufferedWriter {
 public:
  static Result<BufferedWriter> create(const std::string& path);
  Result<void> append(std::string_view bytes);
  Result<void> flush();
  /// flush, then fsync.
  Result<void> sync();
  [[nodiscard]] std::uint64_t size() const { return written_ + buffer_.size(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  std::string path_, buffer_;
  std::uint64_t written_ = 0;
};

/// Reads a file front to back in aligned chunks of kChunkBytes.
class ChunkReader {
 public:
  using OnChunk = std::function<void(std::uint64_t chunk, std::string_view bytes)>;
  ChunkReader(int fd, std::string path, OnChunk on_chunk);
  /// The next chunk, until the next call; empty at the end.
  Result<std::string_view> next();
  [[nodiscard]] std::uint64_t bytes_read() const { return offset_; }

 private:
  int fd_;
  std::string path_;
  OnChunk on_chunk_;
  std::string buffer_;
  std::uint64_t offset_ = 0;
};

}  // namespace weir::bulk
