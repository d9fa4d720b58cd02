#pragma once
// A FileSystem for many files of which few are in use at a time: about so many stay open; the one that was not used for longest is
// closed, and opened again when it is used. Nobody notices: a file whose writes are not synced stays open, or the kernel could not tell
// that one failed; so does one whose name is gone. Files may outlive the object. Not thread-safe.
#include <cstddef>
#include <memory>
#include <string>

#include "engine/file.h"

namespace weir::runtime {

class PooledFiles final : public engine::FileSystem {
 public:
  explicit PooledFiles(std::size_t open_max);
  ~PooledFiles() override;
  PooledFiles(const PooledFiles&) = delete;
  PooledFiles& operator=(const PooledFiles&) = delete;

  Result<std::unique_ptr<engine::File>> open(const std::string& path) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] std::size_t open_files() const;

 private:
  class Pool;
  class Pooled;
  std::shared_ptr<Pool> pool_;
};

}  // namespace weir::runtime
