#pragma once
// Splits a stream of bytes into lines (JSONL), whatever the chunks. A line is the largest thing in memory.
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::json {

/// `\n` or `\r\n` ends a line; a last line without an end counts. Lines longer than the bound are reported once, and skipped.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  struct Line {
    std::string_view bytes;    // without its end; empty when too_long
    std::uint64_t number = 0;  // from 1
    std::uint64_t offset = 0;  // of its first byte in the stream
    std::uint64_t length = 0;  // of the whole line without its end
    bool too_long = false;
  };

  /// Calls on_line(const Line&) for every line that ended in these bytes; stops early when it returns false.
  template <class OnLine>
  bool feed(std::string_view bytes, OnLine&& on_line) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      if (end == std::string_view::npos) {
        keep(bytes);
        return true;
      }
      const auto head = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (!flush(head, true, on_line)) return false;
    }
    return true;
  }
  /// The last line, when the stream did not end with a line end.
  template <class OnLine>
  bool finish(OnLine&& on_line) {
    return length_ == 0 || flush({}, false, on_line);
  }
  /// Bytes of whole lines seen so far: where to go on after a restart.
  [[nodiscard]] std::uint64_t consumed() const { return offset_; }

 private:
  void keep(std::string_view bytes) {
    length_ += bytes.size();
    if (length_ <= line_bytes_max_) partial_.append(bytes);
    else std::string().swap(partial_);
  }
  template <class OnLine>
  bool flush(std::string_view head, bool ended, OnLine&& on_line) {
    std::string_view line = head;
    const std::uint64_t raw_length = length_ + head.size();
    if (length_ != 0) {
      keep(head);
      line = partial_;
    }
    Line out{.number = ++number_,
             .offset = offset_,
             .length = raw_length,
             .too_long = raw_length > line_bytes_max_};
    if (!out.too_long) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      out.bytes = line;
      out.length = line.size();
    }
    offset_ += raw_length + (ended ? 1 : 0);
    length_ = 0;
    const bool go_on = on_line(static_cast<const Line&>(out));
    partial_.clear();
    return go_on;
  }

  std::size_t line_bytes_max_;
  std::string partial_;
  std::uint64_t length_ = 0, offset_ = 0, number_ = 0;
};

}  // namespace weir::json
