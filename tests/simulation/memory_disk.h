#pragma once
// A disk in memory that knows written from synced bytes. What is modelled:
//  - A write is in the file at once, for all readers; a kill -9 leaves it there. The write under way when the process dies may be
//    cut where a sector of 512 bytes ends.
//  - A power loss keeps what was synced, and of each write and truncation since then: nothing, all, or (writes) any sectors. Not
//    the order in which they were made: stricter than most disks.
//  - Bytes beside a write are never harmed (SQLite calls that powersafe overwrite).
//  - A name, new or removed, is durable when its folder was synced. Until then each comes out of a power loss old or new.
//  - Mapped memory is written back by sector, at random moments and at a sync.
//  - A rename is one transaction of the file system's journal: at once for all readers, durable when the folder of either name was
//    synced. Until then it comes out of a power loss done or undone as a whole, with every rename after it: the file that was
//    renamed is always there, under one name or the other. Nothing of its bytes is synced by it.
//  - A failed write may have written a part; a failed sync leaves everything unsynced, and may be tried again.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "death.h"
#include "engine/file.h"
#include "runtime/mapped_journal.h"

namespace weir::simulation {

enum class Io : std::uint8_t { kDone, kFull, kDead };

class MemoryDisk {
 public:
  class Node {
   public:
    [[nodiscard]] std::size_t size() const { return now_.size(); }
    [[nodiscard]] std::string_view bytes() const { return now_; }
    /// As engine::File::read.
    std::size_t read(std::uint64_t offset, std::span<char> out) const;

   private:
    friend class MemoryDisk;
    struct Change {
      std::uint64_t offset = 0;  // the size to cut to where `cuts`
      std::string bytes;
      bool cuts = false;
    };
    std::string now_, synced_;
    std::vector<Change> changes_;  // since the last sync; of a mapped file none
    bool mapped_ = false;
  };
  using NodePtr = std::shared_ptr<Node>;

  explicit MemoryDisk(CrashPoint& crash) : crash_(crash) {}
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  [[nodiscard]] NodePtr find(const std::string& path) const;
  Io create(const std::string& path, NodePtr& out);  // or opens it: that is no operation
  Io remove(const std::string& path);
  Io rename(const std::string& from, const std::string& to);  // of a file that is there
  Io sync_folder_of(const std::string& path);
  Io write(Node& node, std::uint64_t offset, std::string_view bytes);
  Io truncate(Node& node, std::uint64_t size);
  Io sync(Node& node);
  /// Memory of at least that size over a file; its name is durable.
  Io map(const std::string& path, std::size_t bytes, NodePtr& out);
  [[nodiscard]] static std::span<char> memory(Node& node) { return node.now_; }
  /// The kernel writes some sector of mapped memory back, unasked.
  void write_back();
  /// It had time to write everything back.
  void write_back_all();

  /// After the death of a process: what the next one finds.
  void lose_power();
  /// Puts on `other` what a power loss leaves at least: what is synced, and nothing else.
  void copy_synced_to(MemoryDisk& other) const;
  /// The bytes that a power loss would leave at least. Nothing: not even the name.
  [[nodiscard]] std::optional<std::string_view> durable(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> names() const;
  CrashPoint& crash() { return crash_; }

 private:
  struct Rename {
    std::string from, to;
    NodePtr node;
  };
  static void apply(std::string& image, const Node::Change& change);
  void lose(Node& node);
  void make_durable(const Rename& rename);
  std::set<std::string> lose_renames();
  CrashPoint& crash_;
  std::map<std::string, NodePtr> names_, names_synced_;
  std::vector<Rename> renames_;  // that no sync has made durable, oldest first
};

/// The engine's files on such a disk, as runtime::PosixFiles has them: the name of an empty file is synced, and so is the new one of
/// a rename, a removed one is not.
class MemoryFiles final : public engine::FileSystem {
 public:
  explicit MemoryFiles(MemoryDisk& disk, bool syncs_names = true)
      : disk_(disk), syncs_names_(syncs_names) {}
  Result<std::unique_ptr<engine::File>> open(const std::string& path) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;

 private:
  MemoryDisk& disk_;
  bool syncs_names_;
};

/// The usage journal's memory on such a disk.
Result<std::unique_ptr<runtime::JournalMemory>> map_journal(MemoryDisk& disk,
                                                            const std::string& path,
                                                            std::uint32_t slots);

}  // namespace weir::simulation
