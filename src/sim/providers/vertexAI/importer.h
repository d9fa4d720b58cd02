#pragma once
// What reads the lines of a job's input into a table, and writes them back: the table is BigQuery's, and so are the traps. Seen by
// others (providers.md 6.2, checked 2026-11-23).
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"
#include "json/write.h"

namespace weir::sim::vertexAI {

class Importer {
 public:
  /// Why this line fails the whole job; empty: it does not.
  std::string take(std::string_view line);

 private:
  enum class Type : std::uint8_t { kText, kNumber, kBoolean, kArray, kObject };
  std::string look(json::Value value, const std::string& path, std::size_t depth);

  std::map<std::string, Type, std::less<>> columns_;
  json::Parser parser_;
};

/// A value as it comes back: members in the order of their names, whole numbers without a fraction. The same value in other bytes.
void write_back(json::Writer& out, json::Value value);
/// A column that stood beside the request: text that reads as a number has become one ("000000" is 0).
void write_column(json::Writer& out, json::Value value);

}  // namespace weir::sim::vertexAI
