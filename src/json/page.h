#pragma once
// Splits a page of rows, a JSON object one of whose members is an array, into that array's elements, whatever the chunks. A row is
// the largest thing in memory; what else the object says is kept as its envelope. Not a validator: rows and envelope are JSON only
// once a parser has said so.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/lines.h"

namespace weir::json {

class PageSplitter {
 public:
  /// More than a page says beside its rows.
  static constexpr std::size_t kEnvelopeBytesMax = 1 << 20;

  /// @param member the array, a member of the page itself; its name without escapes.
  /// @param rows_before of earlier pages: rows are numbered on from them.
  PageSplitter(std::string_view member, std::size_t row_bytes_max, std::uint64_t rows_before = 0)
      : member_(member), row_bytes_max_(row_bytes_max), number_(rows_before) {}

  /// Calls on_row(const LineSplitter::Line&) for every row that ended in these bytes; stops early when it returns false. A row
  /// longer than the bound is reported once, and skipped. The offset of a row is not kept.
  template <class OnRow>
  bool feed(std::string_view bytes, OnRow&& on_row) {
    while (!bytes.empty()) {
      bytes.remove_prefix(take(bytes));
      if (row_ended_ && !on_row(next_row())) return false;
    }
    return true;
  }

  /// The page without its rows, `{"results":[],"next":"…"}`, once all its bytes came. @error kBadResponse it breaks off, is no
  /// object, or says more beside its rows than kEnvelopeBytesMax.
  [[nodiscard]] Result<std::string> envelope() const;
  /// Rows so far, with those before.
  [[nodiscard]] std::uint64_t rows() const { return number_; }

 private:
  std::size_t take(std::string_view bytes);  // up to the end of a row; how many bytes that were
  std::size_t take_string(std::string_view bytes);
  void take_plain(char c);
  void open(char c);
  void close(char c);
  void keep(std::string_view bytes);
  LineSplitter::Line next_row();

  std::string member_;
  std::size_t row_bytes_max_;
  std::uint64_t number_;
  std::string row_, done_, envelope_, key_;  // done_: the row that was handed out last
  std::uint64_t row_length_ = 0;
  std::size_t depth_ = 0;
  bool in_string_ = false, escaped_ = false;
  bool key_is_next_ = false;  // at the top: a string is a name, not a value
  bool in_rows_ = false;      // inside of the array
  bool row_ended_ = false, ended_ = false, broken_ = false;
};

}  // namespace weir::json
