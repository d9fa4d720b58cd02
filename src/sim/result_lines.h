#pragma once
// The rows of a result file, with the faults of their batch: which are missing, doubled, broken,
// out of order.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/faults.h"
#include "sim/provider.h"

namespace weir::sim {

/// What the faults of a batch do to one row; drawn from the seed, the same however often it is
/// asked.
struct RowFate {
  bool missing = false;      // never run: not in any file, not billed
  bool undelivered = false;  // billed, but in no file
  bool doubled = false;
  bool malformed = false;
  std::optional<std::string> error;  // type of the error that the row ends with
};
RowFate row_fate(const std::vector<FaultRule>& faults, std::uint64_t seed, std::uint64_t batch,
                 std::size_t row, std::string_view custom_id);

/// The rules that concern a batch, copied from those that its creation set off.
std::vector<FaultRule> batch_faults(const Call& call);
const FaultRule* find_fault(const std::vector<FaultRule>& faults, FaultKind kind);

class ResultLines {
 public:
  /// @param line JSON without line end; not added when the fate says so.
  void add(std::string line, Time finished_at, const RowFate& fate,
           std::optional<std::size_t> bill_row);
  /// Puts the lines into the order that the file has: by time of completion, or at random.
  void settle(bool shuffled, std::uint64_t seed, std::uint64_t batch);

  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] std::size_t lines() const { return lines_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// One row, without its line end, and what it delivers.
  struct Row {
    std::string_view text;
    std::optional<std::size_t> bill_row;
  };
  /// Half a row stands there, as the faults of the batch want it.
  [[nodiscard]] bool malformed(std::size_t index) const { return lines_[index].malformed; }
  [[nodiscard]] Row row(std::size_t index) const {
    const Line& line = lines_[index];
    return {std::string_view(line.text).substr(0, line.text.size() - 1),
            line.malformed ? std::nullopt : line.bill_row};
  }
  /// The file as a body in pieces, and what it delivers.
  void write(Reply& reply, std::vector<Call::Delivery>& deliveries) const;

 private:
  struct Line {
    std::string text;
    Time finished_at;
    std::size_t number = 0;  // order among lines of the same time
    std::optional<std::size_t> bill_row;
    bool malformed = false;
  };
  std::vector<Line> lines_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::sim
