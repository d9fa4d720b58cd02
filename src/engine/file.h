#pragma once
// Files as the engine sees them: an interface, so that a test can crash it at any write. The runtime's is POSIX.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::engine {

/// One open file. Not thread-safe. Errors are kUnavailable with the path and the reason (disk full, …).
class File {
 public:
  virtual ~File() = default;
  /// Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> out) = 0;
  virtual Result<void> write(std::uint64_t offset, std::string_view bytes) = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// What was written survives a power loss after this.
  virtual Result<void> sync() = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// Opens for reading and writing; created (0600) when it is not there, and then its name survives a power loss.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  /// Not there: fine. After a power loss it may be there again.
  virtual Result<void> remove(const std::string& path) = 0;
  /// Replaces `to` by `from` at once; durable when it returns. Both are in the same file system.
  virtual Result<void> rename(const std::string& from, const std::string& to) {
    return fail(ErrorKind::kUnsupported, "cannot rename " + from + " to " + to);
  }
};

}  // namespace weir::engine
