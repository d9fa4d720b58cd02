#include "json/page.h"

#include <utility>

#include "json/scan.h"

namespace weir::json {
namespace {

constexpr std::size_t kKeyBytesMax = 256;
constexpr std::size_t kTop = 1;   // depth inside of the page
constexpr std::size_t kRows = 2;  // depth inside of the array of rows

}  // namespace

std::size_t PageSplitter::take(std::string_view bytes) {
  row_ended_ = false;
  std::size_t at = 0;
  while (at < bytes.size() && !row_ended_) {
    if (in_string_) {
      at += take_string(bytes.substr(at));
      continue;
    }
    take_plain(bytes[at]);
    ++at;
  }
  return at;
}

std::size_t PageSplitter::take_string(std::string_view bytes) {
  std::size_t length = 1;
  if (escaped_) {
    escaped_ = false;
  } else {
    const auto special = bytes.find_first_of("\"\\");
    length = special == std::string_view::npos ? bytes.size() : special + 1;
    if (special != std::string_view::npos) {
      escaped_ = bytes[special] == '\\';
      in_string_ = escaped_;
    }
  }
  const auto taken = bytes.substr(0, length);
  keep(taken);
  if (depth_ == kTop && key_is_next_ && key_.size() < kKeyBytesMax)
    key_ += in_string_ ? taken : taken.substr(0, length - 1);
  return length;
}

void PageSplitter::take_plain(char c) {
  const bool between_rows = in_rows_ && depth_ == kRows;
  if (ended_ || (depth_ == 0 && c != '{')) {
    broken_ |= !is_space(c);
    return;
  }
  if (between_rows && (c == ',' || c == ']')) {
    row_ended_ = row_length_ > 0;
    if (c == ']') close(c);
    return;
  }
  if (between_rows && row_length_ == 0 && is_space(c)) return;
  switch (c) {
    case '{':
    case '[': return open(c);
    case '}':
    case ']': return close(c);
    case '"':
      in_string_ = true;
      if (depth_ == kTop && key_is_next_) key_.clear();
      break;
    case ':':
      if (depth_ == kTop) key_is_next_ = false;
      break;
    case ',':
      if (depth_ == kTop) key_is_next_ = true;
      break;
    default: break;
  }
  keep({&c, 1});
}

void PageSplitter::open(char c) {
  keep({&c, 1});
  if (depth_ == kTop && c == '[' && !key_is_next_ && key_ == member_) in_rows_ = true;
  ++depth_;
  if (depth_ == kTop) key_is_next_ = true;
}

void PageSplitter::close(char c) {
  if (in_rows_ && depth_ == kRows) {
    in_rows_ = false;  // the bracket is the envelope's
    broken_ |= c != ']';
  }
  --depth_;  // at least 1 before: nothing but '{' is taken at 0
  keep({&c, 1});
  ended_ = depth_ == 0;
}

void PageSplitter::keep(std::string_view bytes) {
  if (in_rows_) {
    row_length_ += bytes.size();
    if (row_length_ <= row_bytes_max_) row_.append(bytes);
    else std::string().swap(row_);
    return;
  }
  if (envelope_.size() + bytes.size() > kEnvelopeBytesMax) broken_ = true;
  else envelope_.append(bytes);
}

LineSplitter::Line PageSplitter::next_row() {
  row_ended_ = false;
  LineSplitter::Line out{
      .number = ++number_, .length = row_length_, .too_long = row_length_ > row_bytes_max_};
  row_length_ = 0;
  if (out.too_long) return out;
  // The bytes live until the next row begins.
  while (!row_.empty() && is_space(row_.back())) row_.pop_back();
  done_ = std::exchange(row_, {});
  out.bytes = done_;
  out.length = done_.size();
  return out;
}

Result<std::string> PageSplitter::envelope() const {
  if (!broken_ && ended_) return envelope_;
  return fail(ErrorKind::kBadResponse, broken_ ? "a page of rows is not of the expected shape"
                                               : "a page of rows breaks off");
}

}  // namespace weir::json
