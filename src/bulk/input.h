#pragma once
// Reads the input of a job: JSONL, CSV, a folder of text files, request lines. Memory is one chunk
// and one record, whatever the size. What is wrong with one record is in Record::error, and reading
// goes on; what is wrong with the file is the Result's error. next() is for one thread; read() is
// const, uses pread and may run on several threads at once.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/record.h"

namespace weir::bulk {

/// The longest record: longer ones are an error of their own and never whole in memory.
inline constexpr std::size_t kLineBytesMax = 32U << 20;
/// Input is read, and hashed, in chunks of this size, aligned.
inline constexpr std::size_t kChunkBytes = 1U << 20;

struct InputOptions {
  std::string path;  // a file or a folder; standard input is spooled to a file first (accept.h)
  std::string name;  // how messages call it; empty: path
  Format format = Format::kAuto;
  /// The field that holds the id. Nothing: "id" where the input has it, else ids are "line-N" (a
  /// folder: the path).
  std::optional<std::string> id_field;
  std::size_t line_bytes_max = kLineBytesMax;
  /// Called with every whole chunk of the file, in order, before its records come (not for
  /// folders).
  std::function<void(std::uint64_t chunk, std::string_view bytes)> on_chunk;
  /// Folder only: the file of {"path","size","mtime_ns","hash"} lines. next() writes it, read()
  /// needs it.
  std::string folder_manifest;
};

/// What identifies a file's content cheaply.
struct FileIdentity {
  std::uint64_t inode = 0, size = 0;
  std::int64_t mtime_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class Input {
 public:
  /// Opens a file or folder and settles the format: by what is asked, else by extension and first
  /// bytes.
  /// @error kNotFound; kInvalidArgument unreadable, empty, compressed, a JSON array, a format that
  /// cannot be told, a CSV
  ///   without a header or with one name twice, no id column where one was asked for.
  static Result<std::unique_ptr<Input>> open(InputOptions options);
  virtual ~Input() = default;

  /// The next record; false at the end. @error kUnavailable the file cannot be read;
  /// kInvalidArgument a folder without files (at the end).
  [[nodiscard]] virtual Result<bool> next(Record& record) = 0;
  /// Reads and validates again the record that stands at `ref`; what is wrong with it now is in
  /// Record::error.
  /// @error kUnavailable the file cannot be read, or ends before the record does.
  [[nodiscard]] virtual Result<void> read(const RecordRef& ref, Record& record) const = 0;
  [[nodiscard]] Result<Record> read(const RecordRef& ref) const;

  /// Never kAuto.
  [[nodiscard]] virtual Format format() const = 0;
  /// CSV: the header; folder: path, name, text; else empty (JSON lines may differ).
  [[nodiscard]] virtual const std::vector<std::string>& columns() const = 0;
  /// Of the open file; zeros for a folder.
  [[nodiscard]] virtual Result<FileIdentity> identity() const = 0;
  /// Bytes that next() has read, of identity().size: for progress. For a folder, bytes of its
  /// files.
  [[nodiscard]] virtual std::uint64_t bytes_read() const = 0;
  /// Call when no more next() is wanted: a folder's manifest is whole only then. @error
  /// kUnavailable it cannot be written.
  [[nodiscard]] virtual Result<void> finish() { return {}; }
  /// Bytes of the file from `offset` (fewer at its end), for checking hashes. @error kUnavailable;
  /// a folder has none.
  [[nodiscard]] virtual Result<std::string> bytes_at(std::uint64_t offset,
                                                     std::size_t length) const = 0;
};

}  // namespace weir::bulk
