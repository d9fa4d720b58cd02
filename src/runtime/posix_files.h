#pragma once
// The engine's FileSystem on POSIX: pread, pwrite, fdatasync; a new file's folder is synced. New files are 0600; errors name the
// path and the reason.
#include <memory>
#include <string>

#include "engine/file.h"

namespace weir::runtime {

class PosixFiles final : public engine::FileSystem {
 public:
  Result<std::unique_ptr<engine::File>> open(const std::string& path) override;
  /// As open(), but only what is there. @error kNotFound, kUnavailable.
  static Result<std::unique_ptr<engine::File>> open_existing(const std::string& path);
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
};

/// For readers: opens what is there, for reading only. Every change is kUnsupported. @error open: kNotFound.
class ReadOnlyFiles final : public engine::FileSystem {
 public:
  Result<std::unique_ptr<engine::File>> open(const std::string& path) override;
  Result<void> remove(const std::string& path) override;
};

/// Makes the names in the folder of `path` survive a power loss: an fsync of a file does not promise that of its name.
/// @error kUnavailable.
Result<void> sync_folder_of(const std::string& path);
/// Creates the folder (0700) when it is not there. @error kUnavailable it cannot be created or is no folder.
Result<void> make_private_folder(const std::string& path);
/// The whole of a small file. @error kNotFound; kInvalidArgument it is larger than `bytes_max`; kUnavailable.
Result<std::string> read_whole_file(const std::string& path, std::size_t bytes_max);
/// Replaces the file at once (temporary file, sync, rename). @error kUnavailable.
Result<void> write_whole_file(const std::string& path, std::string_view bytes);

}  // namespace weir::runtime
