#pragma once
// Internal to bulk's input: fills a Record from what a reader found. Whatever is wrong with it
// becomes Record::error.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bulk/record.h"

namespace weir::bulk {

class RecordBuilder {
 public:
  /// Empties the record and sets its place; its buffers are kept unless they are very large.
  static void reset(Record& record, const RecordRef& ref, Format format);
  /// The record's own line buffer, for reading into before from_json().
  static std::string& line(Record& record) { return record.bytes_; }
  /// Reads line(record) as JSON. @param id_field nothing: "id", where it is there.
  static void from_json(Record& record, const std::optional<std::string>& id_field);
  /// The record's row, for reading into before from_row().
  static CsvRow& row(Record& record) { return record.row_; }
  /// Checks row(record) against the header. @param id_column an index into columns.
  static void from_row(Record& record, std::shared_ptr<const std::vector<std::string>> columns,
                       std::optional<std::size_t> id_column);
  /// A text file: fields path, name and text; the id is its path.
  static void from_file(Record& record, std::shared_ptr<const std::vector<std::string>> columns,
                        std::string_view path, std::string_view text);
  /// Error of the record, its message beginning with its place.
  static void refuse(Record& record, ErrorKind kind, std::string_view message,
                     std::string hint = {});

 private:
  static Result<void> read_json(Record& record, const std::optional<std::string>& id_field);
  static Result<void> read_json_id(Record& record, const std::optional<std::string>& id_field);
  static Result<void> read_request(Record& record);
  static Result<void> read_row(Record& record, std::optional<std::size_t> id_column);
};

/// Text for a message: at most 80 bytes of it, cut between characters.
std::string shown_in_message(std::string_view text);

}  // namespace weir::bulk
