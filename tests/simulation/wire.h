#pragma once
// What a provider does to its answers beyond the simulator's faults. The simulator stays a witness: what it billed is what it did,
// whatever is told about it here.
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::simulation {

struct WireFaults {
  Duration created_skew{0};  // the provider's clock against the true one
  double mis_keyed = 0;      // share of finished rows that carry a custom_id which no item has
  double cancelled_billed =
      0;                       // share of finished rows that are told as cancelled, and were billed
  bool rows_reversed = false;  // last row first, and the other way at the next reading
  bool empty_output_null =
      false;  // openAI: a batch without a successful row has "output_file_id":null or no such member
};

class Wire {
 public:
  Wire(const WireFaults& faults, std::uint64_t seed) : faults_(faults), seed_(seed) {}
  /// The answer as the provider tells it. Same row, same fate, however often it is asked for.
  std::string tell(bool is_rows, std::string body);
  /// Attempts that were billed and not told of: nobody can know of them before a reconciliation.
  [[nodiscard]] const std::set<std::string>& spoilt() const { return spoilt_; }

 private:
  std::string rows(std::string_view body);
  std::string row(std::string_view line);
  const WireFaults& faults_;
  std::uint64_t seed_;
  std::uint64_t readings_ = 0;
  std::set<std::string> spoilt_;
};

}  // namespace weir::simulation
