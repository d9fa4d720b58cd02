#pragma once
// The simulator's own price rows and arithmetic. Decimal text of the rows becomes integer
// pico-dollars a token; no double takes part, and nothing is shared with the ledger that this bill
// is compared with.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/units.h"

namespace weir::sim {

/// Exclusive buckets: no token stands in two.
struct TokenBuckets {
  std::int64_t input = 0;  // neither read from a cache nor written to one
  std::int64_t cache_read = 0;
  std::int64_t cache_write_5m = 0;
  std::int64_t cache_write_1h = 0;
  std::int64_t cache_write = 0;  // providers with one write price
  std::int64_t output = 0;

  [[nodiscard]] std::int64_t prompt() const {
    return input + cache_read + cache_write_5m + cache_write_1h + cache_write;
  }
};

/// Pico-dollars a token for each bucket; a bucket without a price must stay empty.
struct PriceColumns {
  std::optional<std::int64_t> input, cache_read, cache_write_5m, cache_write_1h, cache_write,
      output;
};

struct ModelRow {
  std::string model;
  std::optional<Time> from;  // a later price of a model that has a row without it
  PriceColumns sync, batch, long_sync, long_batch;
  std::int64_t long_context_threshold =
      0;  // 0: one tier; else above it the whole request costs the long columns
  std::int64_t cache_tokens_min = 0;
  std::optional<std::int64_t>
      storage_hour;  // pico-dollars for keeping a token an hour, where that can be asked for
  std::int64_t input_tokens_max = 0;   // 0: not published
  std::int64_t output_tokens_max = 0;  // 0: not published
  bool cached = false;                 // has a cached price at all
  bool cached_in_batch = false;
};

/// What scales a price: the batch half, and a regional surcharge in percent (110 = 1.1 times).
struct Terms {
  bool half = false;
  std::int64_t percent = 100;
};

/// Cost of one answer: sum of tokens × price, whole request on the long tier when its prompt is
/// above the threshold.
std::int64_t cost_pico_usd(const ModelRow& row, const TokenBuckets& tokens, Terms terms);

/// "3.00" dollars a million tokens -> 3,000,000 pico-dollars a token; finer text is rounded half
/// up. Nothing when it is no decimal.
std::optional<std::int64_t> pico_from_decimal(std::string_view text);

class PriceTable {
 public:
  /// @param text a JSON array of price rows, a model's earliest first. @error kInvalidArgument not
  /// such an array, or a row without model or price.
  static Result<PriceTable> parse(std::string_view text);
  /// The row of that exact name, or of which the name is the undated or a dated form ("-20250929",
  /// "-2025-08-07").
  [[nodiscard]] const ModelRow* find(std::string_view model) const;
  /// The row of the same model whose price is in force.
  [[nodiscard]] const ModelRow& in_force(const ModelRow& row, Time at) const;
  [[nodiscard]] const std::vector<ModelRow>& rows() const { return rows_; }

 private:
  std::vector<ModelRow> rows_;
};

}  // namespace weir::sim
