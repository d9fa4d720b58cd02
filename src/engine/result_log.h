#pragma once
// Results: an append-only segment of CRC-framed records, a 16-byte slot an item that points into it, and the output file that
// grows by the contiguous prefix of ended items. The segment is the truth; lengths are committed by the Store.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/file.h"

namespace weir::engine {

/// Begins a reason in the line of an item that JobEngine::retry opened.
inline constexpr std::string_view kTriedAgain = "tried again by hand";

enum class ItemEnd : std::uint8_t { kNone = 0, kSucceeded = 1, kFailed = 2, kCancelled = 3 };

struct ResultCounts {
  std::uint64_t succeeded = 0, failed = 0, cancelled = 0;
  [[nodiscard]] std::uint64_t ended() const { return succeeded + failed + cancelled; }
  void add(ItemEnd end);
};

/// How far the output file is; journalled after its sync, the file is cut to it on resume.
struct Watermark {
  std::uint64_t bytes = 0;
  std::uint64_t items = 0;
};

class ResultLog {
 public:
  /// `segment_bytes` is the committed length; frames beyond it are left to recover().
  static Result<std::unique_ptr<ResultLog>> open(FileSystem& files, const std::string& folder,
                                                 const std::string& output_path,
                                                 std::uint64_t items, std::uint64_t segment_bytes,
                                                 Watermark output);

  /// A record of the item's end. (batch, sequence) is the ledger's key of the attempt that ended it; kNoSequence: none did.
  struct Record {
    std::uint64_t item = 0;
    std::uint64_t batch = 0;
    std::uint64_t sequence = kNoSequence;
    ItemEnd end = ItemEnd::kNone;
    std::string line;       // the output line, without its end
    std::string usage_raw;  // the provider's usage object, may be empty
  };
  static constexpr std::uint64_t kNoSequence = ~std::uint64_t{0};

  /// Reads the frames after the committed length that are whole; `keep` says which count. What follows is cut off. Every slot that
  /// points beyond the committed length is cleared first.
  Result<void> recover(const std::function<bool(const Record&)>& keep);
  /// An item ends once: WEIR_ASSERTs that it has not.
  Result<void> append(const Record& record);
  Result<ItemEnd> end_of(std::uint64_t item);
  /// The record of an item that has its end (WEIR_ASSERTed).
  Result<Record> record_of(std::uint64_t item);
  struct Origin {
    std::uint64_t batch = 0, sequence = kNoSequence;
  };
  /// Which attempt ended the item. WEIR_ASSERTs that it has its end.
  Result<Origin> origin_of(std::uint64_t item);

  /// Takes an item's end back: it may end again. Its old record stays in the segment. The caller has committed before that the
  /// item is open, so a crash that loses this is made good by calling it again.
  Result<void> reopen(std::uint64_t item);
  /// Every item that ended and did not succeed, in input order.
  Result<void> visit_unsuccessful(const std::function<Result<void>(const Record&)>& visit);
  /// From now on the output is this file, from its start.
  Result<void> write_output_to(FileSystem& files, const std::string& path);

  /// Makes everything appended durable: call before the commit that names segment_bytes().
  Result<void> sync();
  [[nodiscard]] std::uint64_t segment_bytes() const { return segment_bytes_; }
  [[nodiscard]] bool dirty() const { return dirty_; }

  /// Writes the contiguous prefix of ended items to the output file and syncs it, up to `bytes_max` a call.
  Result<Watermark> extend_output(std::uint64_t bytes_max);
  [[nodiscard]] Watermark output() const { return output_mark_; }
  /// Counts of all ended items (one pass over the slots).
  Result<ResultCounts> count();

 private:
  ResultLog() = default;
  Result<std::string> read_frame(std::uint64_t offset, std::uint32_t length);

  std::unique_ptr<File> segment_, slots_, output_;
  std::uint64_t items_ = 0;
  std::uint64_t segment_bytes_ = 0;
  Watermark output_mark_;
  bool dirty_ = false;
};

/// The counts of a log that another process may own: slots beyond the committed length do not count.
Result<ResultCounts> count_ends(FileSystem& files, const std::string& folder, std::uint64_t items,
                                std::uint64_t segment_bytes);

}  // namespace weir::engine
