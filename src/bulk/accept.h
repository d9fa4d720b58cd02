#pragma once
// Accepting an input: one pass validates every record, checks that ids are unique, and leaves in a
// folder what a run and a resume need: where each item stands (items.index), what was rejected and
// why (rejected.jsonl), and how to notice that the input changed (input.json, written last and
// synced: it is the commit). Documents are not copied, but for standard input (input.spool). Memory
// does not grow with the input. accept() is for one thread; AcceptedInput is thread-safe.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/input.h"
#include "bulk/record.h"

namespace weir::bulk {

class Fd;

/// A row of items.index: 24 bytes, little-endian: offset u64, length u32, flags u32, line u64.
struct ItemRow {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t flags = 0;
  std::uint64_t line = 0;
  [[nodiscard]] bool rejected() const;
  [[nodiscard]] RecordRef ref(std::uint64_t index) const {
    return {.index = index, .offset = offset, .line = line, .length = length};
  }
};
inline constexpr std::size_t kItemRowBytes = 24;
inline constexpr std::uint32_t kItemRejected = 1;    // it stands in rejected.jsonl
inline constexpr std::uint32_t kItemIdFromLine = 2;  // it has no id of its own
inline constexpr std::uint32_t kItemDuplicate = 4;   // rejected because of its id
inline bool ItemRow::rejected() const { return (flags & kItemRejected) != 0; }

/// Reads items.index through a small window. Thread-safe.
class ItemIndex {
 public:
  /// @error kNotFound; kInvalidArgument its length is no whole number of rows.
  static Result<std::unique_ptr<ItemIndex>> open(const std::string& path);
  ~ItemIndex();
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// @error kInvalidArgument no such item; kUnavailable the file cannot be read.
  [[nodiscard]] Result<ItemRow> row(std::uint64_t index) const;

 private:
  ItemIndex();
  std::unique_ptr<Fd> fd_;
  std::string path_;
  std::uint64_t count_ = 0;
  mutable std::mutex mutex_;
  mutable std::string window_;
  mutable std::uint64_t window_first_ = 0;
};

/// One line of rejected.jsonl:
/// {"item":N,"line":N,"id":"…"|null,"error":{"kind":"…","message":"…","hint":"…"}}.
struct Rejected {
  std::uint64_t item = 0;
  std::uint64_t line = 0;
  std::optional<std::string> id;
  std::string error_json;  // the raw error object
  Error error;
};

/// Reads rejected.jsonl, which is sorted by item: beside the items in order it needs no index. One
/// thread.
class RejectedReader {
 public:
  /// @error kNotFound.
  static Result<std::unique_ptr<RejectedReader>> open(const std::string& path);
  ~RejectedReader();
  /// Nothing at the end.
  [[nodiscard]] Result<std::optional<Rejected>> next();

 private:
  struct Impl;
  explicit RejectedReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What input.json holds.
struct InputManifest {
  int schema = 1;        // of this file and of items.index
  std::string path;      // absolute; "-" for standard input
  bool spooled = false;  // standard input or a pipe: the bytes are in input.spool
  Format format = Format::kJsonl;
  std::optional<std::string> id_field;  // as it was asked for
  std::vector<std::string> columns;     // CSV header
  FileIdentity identity;                // zeros for a folder
  std::uint64_t count = 0;              // records, rejected ones among them
  std::uint64_t rejected = 0;
  std::uint64_t same = 0;                   // records that ask the same as an earlier one
  std::uint64_t limit = 0;                  // 0: none
  std::vector<std::uint64_t> chunk_hashes;  // hash64 per kChunkBytes, as far as the pass read

  [[nodiscard]] std::string to_json() const;
  /// @error kInvalidArgument not one of ours, or of a newer schema.
  static Result<InputManifest> from_json(std::string_view text);
};

struct AcceptOptions {
  InputOptions input;       // path "-" or a pipe: spooled to <dir>/input.spool first
  std::string dir;          // exists; a dry run gives a temporary one and removes it
  std::uint64_t limit = 0;  // only the first N records; 0: all
  bool sync = true;         // fsync before input.json appears; a dry run needs none
  /// Called for every record that is good so far. An error rejects the record (a missing template
  /// field). Records may still be rejected later for their id: then `retract` is called with them,
  /// so that a count can be taken back.
  std::function<Result<void>(const Record&)> visit;
  std::function<void(const Record&)> retract;
  /// What a record asks: records with equal content are found (AcceptedInput::same_as). None: they are not looked for.
  std::function<Result<std::string>(const Record&)> content;
  /// Now and then: bytes read, bytes there are (0: not known), records. false stops with
  /// kCancelled.
  std::function<bool(std::uint64_t bytes, std::uint64_t bytes_total, std::uint64_t records)>
      progress;
};

/// Leaves items.index, rejected.jsonl and input.json in `dir`. What an interrupted call left is
/// overwritten.
/// @return the manifest. Rejected records are no error.
/// @error all of Input::open and next(); kInvalidArgument no records at all; kCancelled;
/// kUnavailable `dir` not writable.
Result<InputManifest> accept(const AcceptOptions& options);

/// The input after accept, for a run and a resume.
class AcceptedInput {
 public:
  /// @error kNotFound no input.json in `dir` (nothing was accepted), or the input is gone;
  /// kInvalidArgument the CSV
  ///   header changed since.
  static Result<std::unique_ptr<AcceptedInput>> open(const std::string& dir);
  ~AcceptedInput();

  [[nodiscard]] const InputManifest& manifest() const;
  [[nodiscard]] std::uint64_t count() const { return manifest().count; }
  [[nodiscard]] const ItemIndex& index() const;
  /// The first item that asks the same, where that is another; nothing where repeats were not looked for.
  [[nodiscard]] Result<std::optional<std::uint64_t>> same_as(std::uint64_t item) const;
  /// Why an item was rejected, found by bisection. @error kInvalidArgument it was not.
  [[nodiscard]] Result<Rejected> rejection(std::uint64_t item) const;
  /// rejected.jsonl from its start.
  [[nodiscard]] Result<std::unique_ptr<RejectedReader>> rejected() const;

  /// Reads an item again. When inode, size or mtime of the input are not as accepted, the hashes of
  /// its chunks are compared first: Record::error "input changed since accept, line N" where they
  /// differ. A text file is judged by its own size and time, then hash.
  /// @error kInvalidArgument no such item, or a rejected one; kUnavailable reading failed.
  [[nodiscard]] Result<void> read(std::uint64_t item, Record& record) const;

  /// Whether all the input is as it was: cheap when inode, size and mtime are, else every chunk is
  /// read and hashed once.
  /// @return the number of items whose bytes may have changed (0: none). For a folder always 0: its
  /// files are
  ///   judged one by one in read().
  [[nodiscard]] Result<std::uint64_t> verify_unchanged() const;
  /// Nothing when the item's bytes are as accepted, else the error for it.
  [[nodiscard]] Result<std::optional<Error>> changed(std::uint64_t item) const;

 private:
  struct Impl;
  explicit AcceptedInput(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::bulk
