#pragma once
// Internal to accept: what can be known only when every record was read. Duplicate ids, and records
// without an id among others that have one. Rewrites their rows, and merges them with the early
// rejects into rejected.jsonl, sorted by item.
#include <cstdint>

#include "bulk/accept.h"
#include "bulk/duplicates.h"
#include "bulk/input_file.h"

namespace weir::bulk {

inline constexpr std::string_view kEarlyRejectsFile = "rejected.early";
inline constexpr std::string_view kMarksFile = "duplicates.marks";

struct AcceptCounts {
  std::uint64_t records = 0, rejected = 0;
  std::uint64_t with_id = 0, without_id = 0;  // of the records that could be read
};

Error missing_id_error(const AcceptOptions& options, std::uint64_t line);

class LateRejects {
 public:
  /// @param index_fd items.index, flushed, open for reading and writing.
  LateRejects(const AcceptOptions& options, Input& input, AcceptCounts& counts, int index_fd);
  /// @error kUnavailable files of `dir`, or the input, cannot be read or written.
  Result<void> run(DuplicateFinder& duplicates);

 private:
  Result<ItemRow> row(std::uint64_t item) const;
  Result<void> mark_duplicates(DuplicateFinder& duplicates);
  Result<void> sweep();
  Result<std::optional<Error>> late_error(std::uint64_t item, const ItemRow& row,
                                          std::uint64_t mark) const;
  Result<void> reject(std::uint64_t item, ItemRow row, const Error& error, BufferedWriter& out);

  const AcceptOptions& options_;
  Input& input_;
  AcceptCounts& counts_;
  int index_fd_;
  std::string index_path_;
  Fd marks_;  // per item 8 bytes: 1 + the item that has its id already; holes are zeros
  std::uint64_t marked_ = 0;
  Record record_;
};

}  // namespace weir::bulk
