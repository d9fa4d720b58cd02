#pragma once
// The simulator's bill: every answer that a provider would charge for, whether or not anybody ever
// read it.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "json/write.h"
#include "sim/prices.h"

namespace weir::sim {

enum class Route : std::uint8_t { kSync, kBatch };

struct BillRow {
  std::string attempt_id;  // the request's client id, or the custom_id of a batch row
  std::string account;     // a hash of the key, never the key
  std::string_view provider;
  std::string_view model;  // of the price row; both live as long as the provider
  Route route = Route::kSync;
  std::string batch_id;
  std::string custom_id;
  Time at;
  TokenBuckets tokens;
  std::int64_t pico_usd = 0;
  bool delivered = false;  // its answer went out whole
};

class Bill {
 public:
  /// Index of the row.
  std::size_t add(BillRow row) {
    total_ += row.pico_usd;
    rows_.push_back(std::move(row));
    return rows_.size() - 1;
  }
  void mark_delivered(std::size_t row) { rows_[row].delivered = true; }
  [[nodiscard]] const std::vector<BillRow>& rows() const { return rows_; }
  [[nodiscard]] __int128 total_pico_usd() const { return total_; }
  /// {"rows":[...],"total_pico_usd":N}, or one row a line and no total (jsonl), in pieces of
  /// bounded size; of one account, or of all when it is empty.
  void write(bool jsonl, std::string_view account,
             const std::function<void(std::string&&)>& emit) const;

 private:
  std::vector<BillRow> rows_;
  __int128 total_ = 0;
};

}  // namespace weir::sim
