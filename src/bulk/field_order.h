#pragma once
// In which order each item's movable lines stand: decided once for the accepted input, kept in its folder beside items.index.
// items.order: one line of JSON ({"version","lines","items","reason"}), then a permutation an item, a byte a line. It appears whole
// and synced; items that were rejected have the order as written.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/accept.h"
#include "plan/prefix_settings.h"

namespace weir::bulk {

struct RequestShape;

class FieldOrder {
 public:
  /// @error kNotFound; kInvalidArgument it is damaged, or of another version.
  static Result<std::unique_ptr<FieldOrder>> open(const std::string& dir);
  ~FieldOrder();
  /// Empty: as written. Valid until the next call. @error kUnavailable the file cannot be read.
  Result<std::span<const std::uint8_t>> of(std::uint64_t item);
  /// What was decided and what it is expected to save, for people.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] std::size_t lines() const { return lines_; }
  [[nodiscard]] std::uint64_t items() const { return items_; }

 private:
  FieldOrder();
  std::unique_ptr<Fd> fd_;
  std::string path_, reason_;
  std::uint64_t items_ = 0, begin_ = 0;
  std::size_t lines_ = 0;
  bool as_written_ = true;  // of all items: nothing is kept
  std::vector<std::uint8_t> permutation_;
};

/// Reads every record of the input once and leaves items.order in `dir`. The same input, template and prices give the same bytes.
/// Memory does not grow with the input. @error kUnavailable.
Result<void> decide_field_order(const AcceptedInput& input, const RequestShape& shape,
                                const plan::PrefixSettings& settings, const std::string& dir,
                                bool sync);
/// Before the input is accepted anew. @error kUnavailable.
Result<void> forget_field_order(const std::string& dir);

}  // namespace weir::bulk
