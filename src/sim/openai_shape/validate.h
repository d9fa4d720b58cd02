#pragma once
// Validation of a batch file: the whole file, before any row is run; it stops at the first bad
// line. Doc: https://developers.openai.com/api/docs/guides/batch (checked 2026-11-23, reference
// snapshot).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "sim/openai_shape/wire.h"

namespace weir::sim::openai_shape {

struct LineSpan {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};

/// errors.data[0] of a failed batch.
struct BatchError {
  std::string code, message, param;
  std::int64_t line = 0;  // from 1; 0: of no line
};

/// Where the lines stand; a line end at the end of the file adds none.
std::vector<LineSpan> index_lines(std::string_view file);

/// The first error, or nothing. On success `model` is the one model of the file.
std::optional<BatchError> validate_batch(const Traits& traits, std::string_view file,
                                         const std::vector<LineSpan>& lines,
                                         std::string_view endpoint, const PriceTable& prices,
                                         std::string& model);

}  // namespace weir::sim::openai_shape
