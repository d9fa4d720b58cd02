#pragma once
// Finds ids that stand more than once among millions, in bounded memory: 64-bit hashes go to
// partition files, each partition is sorted by itself, and equal hashes are confirmed by comparing
// the real ids. Below `in_memory_max` ids nothing is written. One thread. The files are removed
// when the finder goes away.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::bulk {

struct DuplicateOptions {
  std::string dir;                       // must exist; partition files are made in it when needed
  std::size_t in_memory_max = 1U << 16;  // ids held in memory before spilling (16 bytes each)
  std::size_t partition_bytes_max = 4U
                                    << 20;  // sorted in memory; a larger partition is split again
  std::uint64_t (*hash)(std::string_view id) =
      nullptr;  // for tests of collisions; nullptr: base/hash.h hash64
};

class DuplicateFinder {
 public:
  /// The id of record `index`, read back from the input.
  using ReadId = std::function<Result<std::string>(std::uint64_t index)>;
  /// `duplicate` has the id of `first`; first < duplicate, and no smaller index has it. Not called
  /// in index order.
  using OnDuplicate = std::function<Result<void>(std::uint64_t first, std::uint64_t duplicate)>;

  explicit DuplicateFinder(DuplicateOptions options);
  ~DuplicateFinder();
  DuplicateFinder(const DuplicateFinder&) = delete;
  DuplicateFinder& operator=(const DuplicateFinder&) = delete;

  /// Indexes must grow. @error kUnavailable the partition files cannot be written.
  [[nodiscard]] Result<void> add(std::uint64_t index, std::string_view id);
  /// Once, after all add(). @error kUnavailable reading back; whatever the callbacks return.
  [[nodiscard]] Result<void> find(const ReadId& read_id, const OnDuplicate& on_duplicate);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::bulk
