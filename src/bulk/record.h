#pragma once
// One record of the input: a line of JSONL, a row of CSV, a text file, or a ready-made request
// line. It owns its bytes and its parser, so it may be moved to another thread; used again with
// next() or read() it keeps its buffers. Not thread-safe.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/csv.h"
#include "json/value.h"
#include "llm/types.h"

namespace weir::bulk {

enum class Format : std::uint8_t {
  kAuto,
  kJsonl,
  kCsv,
  kFolder,
  kOpenAIBatch,      // url /v1/chat/completions
  kOpenAIResponses,  // the same, url /v1/responses
  kAnthropicBatch
};
/// Whether records are ready-made requests.
[[nodiscard]] constexpr bool is_request_format(Format format) {
  return format == Format::kOpenAIBatch || format == Format::kOpenAIResponses ||
         format == Format::kAnthropicBatch;
}
std::string_view to_string(Format format);
/// "auto", "jsonl", "csv", "folder", "openAI-batch", "openAI-responses", "anthropic-batch". @error kInvalidArgument
/// lists them.
Result<Format> parse_format(std::string_view name);

/// Where a record stands. For a folder, offset and length are of its line in the folder's manifest.
struct RecordRef {
  std::uint64_t index = 0;   // from 0, rejected records count
  std::uint64_t offset = 0;  // of its first byte
  std::uint64_t line = 0;    // where it begins, from 1; for a folder the number of the file
  std::uint32_t length =
      0;  // bytes without the line end; saturates for a line that is too long to read
};

/// An id longer than this is refused: it is repeated in every output line and error.
inline constexpr std::size_t kIdBytesMax = 1024;

class Record {
 public:
  Record();
  ~Record();
  Record(Record&&) noexcept;
  Record& operator=(Record&&) noexcept;

  RecordRef ref;
  std::string id;  // "line-N" where the input has no ids; empty where an error came first
  bool id_from_line = false;  // the record has no id of its own
  std::optional<Error>
      error;  // this record is no good, the others may be; its message names the line

  /// A field: a string as it is, any other JSON value as its minified bytes (numbers keep their
  /// digits). The exact name first, then a dotted path into nested objects. "*" is whole(). Nothing
  /// where there is no such field, in a record with an error, and for a request line.
  [[nodiscard]] std::optional<std::string> field(std::string_view name) const;
  /// Names of the top-level fields, in their order.
  [[nodiscard]] std::vector<std::string> field_names() const;
  /// The record as one JSON object: the line's own bytes; for CSV and text files, composed.
  [[nodiscard]] std::string whole() const;

  /// A ready-made request line: its body is exact bytes of the line.
  [[nodiscard]] bool is_request() const { return is_request_format(format_); }
  /// The bytes of `body` or `params`, until the record is read into again; empty when there is
  /// none.
  [[nodiscard]] std::string_view body() const;
  /// The same as a value. Nothing when this is no request line.
  [[nodiscard]] std::optional<llm::RawBody> raw_body() const;
  /// The body as parsed JSON (its model, its max_tokens), until the record is read into again; null
  /// when there is none.
  [[nodiscard]] json::Value body_value() const { return body_value_; }

 private:
  friend class RecordBuilder;
  Format format_ = Format::kJsonl;
  std::string bytes_;  // JSON line
  std::unique_ptr<json::Parser>
      parser_;  // behind a pointer: values point into it, and the record may move
  json::Value root_, body_value_;
  std::size_t body_offset_ = 0, body_length_ = 0;
  CsvRow row_;  // CSV cells; path, name and text of a file
  std::shared_ptr<const std::vector<std::string>> columns_;  // names of the cells
};

}  // namespace weir::bulk
