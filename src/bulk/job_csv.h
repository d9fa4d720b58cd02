#pragma once
// Results as CSV (RFC 4180): fixed columns, then one for each field that an answer which is an object has. Pure.
#include <string>
#include <vector>

#include "engine/result_log.h"
#include "json/value.h"

namespace weir::bulk {

class CsvExport {
 public:
  /// More fields than this are left in the column `answer`.
  static constexpr std::size_t kFieldsMax = 200;
  /// First pass: which columns there are.
  void look(const engine::ResultLog::Record& record);
  [[nodiscard]] std::string header() const;
  /// Second pass. `answer` holds an answer that is no object, or what of an object has no column.
  std::string row(const engine::ResultLog::Record& record);

 private:
  json::Parser parser_;
  std::vector<std::string> fields_;  // in the order in which they were first seen
  bool plain_ = false;               // an answer that is no object was seen
};

/// A cell, quoted where it must be.
std::string csv_cell(std::string_view text);

}  // namespace weir::bulk
