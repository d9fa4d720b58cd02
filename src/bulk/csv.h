#pragma once
// CSV as RFC 4180 has it: quotes, line breaks in quoted cells, `\n` or `\r\n`, commas. Incremental,
// any chunks; a row is the largest thing in memory. It decides nothing about headers or widths.
// Strict where a guess could shift cells: a quote inside an unquoted cell, or text after a closing
// quote, is an error of that row, and reading goes on at the next line.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::bulk {

/// A row; its buffers are used again. Cells are views into it.
class CsvRow {
 public:
  std::uint64_t offset = 0;  // of its first byte in the stream
  std::uint64_t length = 0;  // raw bytes, without the line end
  std::uint64_t line = 0;    // where it begins, from 1
  std::string error;         // empty: the row is good

  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] std::string_view cell(std::size_t index) const;
  void clear();
  /// Adds a whole cell.
  void add(std::string_view text);

 private:
  friend class CsvParser;
  std::string text_;
  std::vector<std::size_t> ends_;  // where each cell ends in text_
};

class CsvParser {
 public:
  /// @param offset, line  where in the stream the first byte stands.
  explicit CsvParser(std::size_t row_bytes_max, std::uint64_t offset = 0, std::uint64_t line = 1);

  /// Reads on until a row ends, and takes what it used from the front of `bytes`. Blank lines are
  /// no rows.
  /// @return true: `row` is complete. false: all bytes are used, call again with more and the same
  /// row.
  bool feed(std::string_view& bytes, CsvRow& row);
  /// At the end of the stream: the last row, when it had no line end. An open quote is that row's
  /// error.
  bool finish(CsvRow& row);

 private:
  enum class State : std::uint8_t {
    kRowStart,
    kCellStart,
    kPlain,
    kQuoted,
    kQuoteInQuoted,
    kBroken
  };
  bool step(char c, CsvRow& row);
  void plain_byte(char c, CsvRow& row);
  void append(std::string_view text, CsvRow& row);
  void end_cell(CsvRow& row);
  bool end_row(CsvRow& row, std::uint64_t end);
  void broken(CsvRow& row, std::string_view why);

  std::size_t row_bytes_max_;
  std::uint64_t offset_, line_;  // of the next byte
  std::uint64_t quote_line_ = 0;
  State state_ = State::kRowStart;
  bool carriage_return_ = false;  // a '\r' outside quotes that waits for its '\n'
};

/// Appends one cell, quoted where it must be: what CsvParser reads back as the same text.
void append_csv_cell(std::string& out, std::string_view text);

}  // namespace weir::bulk
