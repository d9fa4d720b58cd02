#include "bulk/csv.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/result.h"

namespace weir::bulk {
namespace {
// find_first_of is a call per byte in the standard library.
std::size_t plain_run(std::string_view bytes) {
  const auto* const begin = bytes.data();
  const auto* at = begin;
  const auto* const end = begin + bytes.size();
  while (at != end && *at != ',' && *at != '"' && *at != '\n' && *at != '\r') ++at;
  return static_cast<std::size_t>(at - begin);
}
}  // namespace

std::string_view CsvRow::cell(std::size_t index) const {
  WEIR_ASSERT(index < ends_.size());
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(text_).substr(begin, ends_[index] - begin);
}

void CsvRow::clear() {
  offset = length = line = 0;
  error.clear();
  text_.clear();
  ends_.clear();
}

void CsvRow::add(std::string_view text) {
  text_ += text;
  ends_.push_back(text_.size());
}

CsvParser::CsvParser(std::size_t row_bytes_max, std::uint64_t offset, std::uint64_t line)
    : row_bytes_max_(row_bytes_max), offset_(offset), line_(line) {}

bool CsvParser::feed(std::string_view& bytes, CsvRow& row) {
  while (!bytes.empty()) {
    // Runs without a special byte are taken at once: cells are mostly such runs.
    if (!carriage_return_ &&
        (state_ == State::kPlain || state_ == State::kQuoted || state_ == State::kBroken)) {
      const auto run = std::min(state_ == State::kQuoted  ? bytes.find('"')
                                : state_ == State::kPlain ? plain_run(bytes)
                                                          : bytes.find('\n'),
                                bytes.size());
      if (run > 0) {
        const auto head = bytes.substr(0, run);
        if (state_ == State::kQuoted)
          line_ += static_cast<std::uint64_t>(std::count(head.begin(), head.end(), '\n'));
        offset_ += run;
        append(head, row);
        bytes.remove_prefix(run);
        continue;
      }
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    ++offset_;
    if (step(c, row)) return true;
  }
  return false;
}

// One byte that a run does not cover. True: a row ended with it.
bool CsvParser::step(char c, CsvRow& row) {
  if (state_ == State::kRowStart) {
    if (c == '\n') ++line_;
    if (c == '\n' || c == '\r') return false;  // a blank line
    row.clear();
    row.offset = offset_ - 1;
    row.line = line_;
    state_ = State::kCellStart;
  }
  if (state_ == State::kQuoted) {  // only a quote stops a run
    state_ = State::kQuoteInQuoted;
    return false;
  }
  if (carriage_return_ && c != '\n') {
    carriage_return_ = false;
    plain_byte('\r', row);
  }
  if (c == '\n') {
    const std::uint64_t end = offset_ - 1 - (carriage_return_ ? 1 : 0);
    ++line_;
    return end_row(row, end);
  }
  if (c == '\r') {
    carriage_return_ = true;
  } else if (c == ',' && state_ != State::kBroken) {
    end_cell(row);
    state_ = State::kCellStart;
  } else if (c == '"' && state_ == State::kCellStart) {
    quote_line_ = line_;
    state_ = State::kQuoted;
  } else if (c == '"' && state_ == State::kQuoteInQuoted) {
    append("\"", row);
    state_ = State::kQuoted;
  } else {
    plain_byte(c, row);
  }
  return false;
}

// A byte of an unquoted cell, or one that must not stand where it does.
void CsvParser::plain_byte(char c, CsvRow& row) {
  if (state_ == State::kQuoteInQuoted)
    broken(row, "text follows a closing quote (a quote inside a quoted cell is written twice)");
  else if (c == '"' && state_ == State::kPlain)
    broken(row,
           "a quote stands inside an unquoted cell (put the cell in quotes, and write the quote "
           "twice)");
  if (state_ == State::kCellStart) state_ = State::kPlain;
  append({&c, 1}, row);
}

void CsvParser::broken(CsvRow& row, std::string_view why) {
  if (row.error.empty()) row.error = why;
  state_ = State::kBroken;
}

void CsvParser::append(std::string_view text, CsvRow& row) {
  if (!row.error.empty()) return;
  // The row's raw bytes are counted, not its text: that is what a second reading has to fetch.
  if (offset_ - row.offset > row_bytes_max_) {
    row.error = fmt::format("the row is longer than {} bytes", row_bytes_max_);
    std::string().swap(row.text_);
    row.ends_.clear();
    return;
  }
  row.text_ += text;
}

void CsvParser::end_cell(CsvRow& row) {
  if (row.error.empty()) row.ends_.push_back(row.text_.size());
}

bool CsvParser::end_row(CsvRow& row, std::uint64_t end) {
  end_cell(row);
  row.length = end - row.offset;
  if (row.error.empty() && row.length > row_bytes_max_)
    row.error = fmt::format("the row is longer than {} bytes", row_bytes_max_);
  if (!row.error.empty()) {
    row.text_.clear();
    row.ends_.clear();
  }
  carriage_return_ = false;
  state_ = State::kRowStart;
  return true;
}

bool CsvParser::finish(CsvRow& row) {
  if (state_ == State::kRowStart) return false;
  if (state_ == State::kQuoted)
    row.error = fmt::format("the quote that opens on line {} is never closed", quote_line_);
  // Without its '\n' it is text, as anywhere; after a closing quote it can only be half of a line
  // end.
  std::uint64_t end = offset_;
  if (carriage_return_ && state_ == State::kQuoteInQuoted) --end;
  else if (carriage_return_) plain_byte('\r', row);
  carriage_return_ = false;
  return end_row(row, end);
}

void append_csv_cell(std::string& out, std::string_view text) {
  // A first empty cell alone would read as a blank line, and an outer space may be trimmed by other
  // readers.
  const bool quoted = text.empty() || text.find_first_of(",\"\r\n") != std::string_view::npos ||
                      text.front() == ' ' || text.back() == ' ';
  if (!quoted) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace weir::bulk
