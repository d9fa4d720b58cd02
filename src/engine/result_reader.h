#pragma once
// Reads a job's results beside its owner: never writes, sees what was committed when it was opened. Not thread-safe.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/result_log.h"

namespace weir::engine {

class ResultReader {
 public:
  /// `segment_bytes` is the committed length. A log that has not begun reads as empty.
  static Result<std::unique_ptr<ResultReader>> open(FileSystem& files, const std::string& folder,
                                                    std::uint64_t items,
                                                    std::uint64_t segment_bytes);
  /// The item's record; nothing when it has no end yet. @error kInternal it is damaged.
  Result<std::optional<ResultLog::Record>> record(std::uint64_t item);
  /// Every ended item in input order, until `visit` returns false.
  Result<void> visit(const std::function<Result<bool>(const ResultLog::Record&)>& visit);
  Result<ResultCounts> count();

  /// Looks at every byte: each frame of the segment has its CRC, each slot points to a frame of its own item.
  struct Findings {
    std::uint64_t frames = 0, slots = 0;
    ResultCounts counts;
    std::vector<std::string> wrong;  // at most kFindingsMax
  };
  static constexpr std::size_t kFindingsMax = 20;
  Result<Findings> check();

 private:
  ResultReader() = default;
  Result<void> check_segment(Findings& findings);
  Result<void> check_slots(Findings& findings);

  std::unique_ptr<File> segment_, slots_;
  std::uint64_t items_ = 0, segment_bytes_ = 0;
};

}  // namespace weir::engine
