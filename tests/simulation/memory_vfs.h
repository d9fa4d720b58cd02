#pragma once
// SQLite on a MemoryDisk: a VFS under a name of its own, as long as the object lives. No shared memory: open stores on it with
// exclusive locking. Like SQLite's own VFS for Unix, it syncs the folder of a new journal or WAL with its first sync.
#include <memory>
#include <string>

#include "memory_disk.h"

struct sqlite3_vfs;

namespace weir::simulation {

class MemoryVfs {
 public:
  explicit MemoryVfs(MemoryDisk& disk);
  ~MemoryVfs();
  MemoryVfs(const MemoryVfs&) = delete;
  MemoryVfs& operator=(const MemoryVfs&) = delete;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
};

/// Makes what SQLite draws (the salts of its WAL) follow from the seed: it draws for the whole process.
void seed_sqlite(std::uint64_t seed);

}  // namespace weir::simulation
