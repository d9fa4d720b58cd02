#include "memory_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "base/result.h"

namespace weir::simulation {
namespace {

struct Handle {
  MemoryDisk& disk;
  MemoryDisk::NodePtr node;
  std::string path;
  bool folder_unsynced = false, temporary = false;
};

struct OpenFile {
  sqlite3_file base;
  Handle* handle;
};

Handle& handle_of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->handle; }
MemoryDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<MemoryDisk*>(vfs->pAppData); }

int code_of(Io io, int full, int dead) {
  return io == Io::kDone ? SQLITE_OK : io == Io::kFull ? full : dead;
}

int close_file(sqlite3_file* file) {
  auto& handle = handle_of(file);
  if (handle.temporary) handle.disk.remove(handle.path);
  delete &handle;
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int bytes, sqlite3_int64 offset) {
  const std::span<char> to(static_cast<char*>(out), static_cast<std::size_t>(bytes));
  const auto got = handle_of(file).node->read(static_cast<std::uint64_t>(offset), to);
  std::memset(to.data() + got, 0, to.size() - got);
  return got == to.size() ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 offset) {
  auto& handle = handle_of(file);
  const std::string_view text(static_cast<const char*>(from), static_cast<std::size_t>(bytes));
  return code_of(handle.disk.write(*handle.node, static_cast<std::uint64_t>(offset), text),
                 SQLITE_FULL, SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  auto& handle = handle_of(file);
  return code_of(handle.disk.truncate(*handle.node, static_cast<std::uint64_t>(size)),
                 SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_TRUNCATE);
}

int sync_file(sqlite3_file* file, int) {
  auto& handle = handle_of(file);
  auto io = handle.disk.sync(*handle.node);
  if (io == Io::kDone && std::exchange(handle.folder_unsynced, false))
    io = handle.disk.sync_folder_of(handle.path);
  return code_of(io, SQLITE_IOERR_FSYNC, SQLITE_IOERR_FSYNC);
}

int size_of_file(sqlite3_file* file, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(handle_of(file).node->size());
  return SQLITE_OK;
}

int lock_file(sqlite3_file*, int) { return SQLITE_OK; }  // one process at a time
int is_reserved(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}
int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }  // these two as on Unix
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods kMethods{.iVersion = 1,
                                  .xClose = close_file,
                                  .xRead = read_file,
                                  .xWrite = write_file,
                                  .xTruncate = truncate_file,
                                  .xSync = sync_file,
                                  .xFileSize = size_of_file,
                                  .xLock = lock_file,
                                  .xUnlock = lock_file,
                                  .xCheckReservedLock = is_reserved,
                                  .xFileControl = control_file,
                                  .xSectorSize = sector_size,
                                  .xDeviceCharacteristics = characteristics};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  static std::atomic<std::uint64_t> temporaries{0};
  auto& disk = disk_of(vfs);
  file->pMethods = nullptr;
  const std::string path = name != nullptr ? name : fmt::format("/tmp/sqlite-{}", ++temporaries);
  const bool fresh = disk.find(path) == nullptr;
  MemoryDisk::NodePtr node;
  if (fresh && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
  if (const auto io = disk.create(path, node); io != Io::kDone)
    return code_of(io, SQLITE_FULL, SQLITE_IOERR);
  constexpr int kJournals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  reinterpret_cast<OpenFile*>(file)->handle =
      new Handle{disk, std::move(node), path, fresh && (flags & kJournals) != 0,
                 (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
  file->pMethods = &kMethods;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int remove_file(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  auto& disk = disk_of(vfs);
  if (disk.find(name) == nullptr) return SQLITE_IOERR_DELETE_NOENT;
  auto io = disk.remove(name);
  if (io == Io::kDone && sync_folder != 0) io = disk.sync_folder_of(name);
  return code_of(io, SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_DELETE);
}

int look_at(sqlite3_vfs* vfs, const char* name, int, int* out) {
  *out = disk_of(vfs).find(name) != nullptr ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int bytes, char* out) {
  sqlite3_snprintf(bytes, out, "%s", name);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs* vfs, int bytes, char* out) {
  for (int i = 0; i < bytes; ++i) out[i] = static_cast<char>(disk_of(vfs).crash().random().next());
  return bytes;
}
int sleep_not(sqlite3_vfs*, int micros) { return micros; }
int no_time(sqlite3_vfs*, double* out) {
  *out = 2'460'000.5;
  return SQLITE_OK;
}
int no_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

MemoryVfs::MemoryVfs(MemoryDisk& disk) : vfs_(std::make_unique<sqlite3_vfs>()) {
  static std::atomic<std::uint64_t> count{0};
  name_ = fmt::format("weir-memory-{}", ++count);
  *vfs_ = {.iVersion = 1,
           .szOsFile = sizeof(OpenFile),
           .mxPathname = 512,
           .zName = name_.c_str(),
           .pAppData = &disk,
           .xOpen = open_file,
           .xDelete = remove_file,
           .xAccess = look_at,
           .xFullPathname = full_path,
           .xRandomness = randomness,
           .xSleep = sleep_not,
           .xCurrentTime = no_time,
           .xGetLastError = no_error};
  WEIR_ASSERT(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

MemoryVfs::~MemoryVfs() { sqlite3_vfs_unregister(vfs_.get()); }

void seed_sqlite(std::uint64_t seed) {
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed | 1), nullptr);
  sqlite3_randomness(0, nullptr);
}

}  // namespace weir::simulation
