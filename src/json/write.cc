#include "json/write.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <iterator>

#include "base/result.h"

namespace weir::json {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`, or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t length = 0;
  std::uint32_t code = 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) length = 2, code = lead & 0x1F;
  else if (lead >= 0xE0 && lead < 0xF0) length = 3, code = lead & 0x0F;
  else if (lead >= 0xF0 && lead < 0xF5) length = 4, code = lead & 0x07;
  else return 0;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return overlong || surrogate || code > 0x10FFFF ? 0 : length;
}

}  // namespace

namespace {

constexpr std::uint64_t each_byte(std::uint64_t byte) { return byte * 0x0101'0101'0101'0101; }

// Whether one of eight bytes is below 0x20, a quote or a backslash. May say so of a byte behind such a one, never less.
constexpr bool has_special(std::uint64_t eight) {
  const auto zero = [](std::uint64_t x) { return (x - each_byte(0x01)) & ~x; };
  const auto low = (eight - each_byte(0x20)) & ~eight;
  return ((low | zero(eight ^ each_byte('"')) | zero(eight ^ each_byte('\\'))) & each_byte(0x80)) !=
         0;
}

// Past what stands in a JSON string as it is, eight bytes at a time; up to seven before its end.
std::size_t skip_plain(std::string_view text, std::size_t at) {
  for (std::uint64_t eight = 0; at + sizeof eight <= text.size(); at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if (has_special(eight)) break;
  }
  return at;
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  const bool valid = simdjson::validate_utf8(text.data(), text.size());
  out.push_back('"');
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (valid) i = skip_plain(text, i);
    if (i == text.size()) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && (c < 0x80 || valid)) {
      ++i;
      continue;
    }
    if (c >= 0x80) {
      if (const auto length = utf8_length(text.substr(i)); length != 0) {
        i += length;
        continue;
      }
    }
    out.append(text, start, i - start);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (c < 0x20) fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
        else out += "\xEF\xBF\xBD";
    }
    start = ++i;
  }
  out.append(text, start, text.size() - start);
  out.push_back('"');
}

void Writer::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (first_.empty()) return;
  if (!first_.back()) out_.push_back(',');
  first_.back() = false;
}

Writer& Writer::open(char bracket) {
  separate();
  out_.push_back(bracket);
  first_.push_back(true);
  return *this;
}

Writer& Writer::close(char bracket) {
  WEIR_ASSERT(!first_.empty());
  WEIR_ASSERT(!after_key_);
  first_.pop_back();
  out_.push_back(bracket);
  return *this;
}

Writer& Writer::key(std::string_view name) {
  WEIR_ASSERT(!after_key_);
  separate();
  append_string(out_, name);
  out_.push_back(':');
  after_key_ = true;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  separate();
  append_string(out_, text);
  return *this;
}

Writer& Writer::integer(std::int64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  return *this;
}

Writer& Writer::number(double value) {
  separate();
  if (std::isfinite(value)) fmt::format_to(std::back_inserter(out_), "{}", value);
  else out_ += "null";
  return *this;
}

Writer& Writer::boolean(bool value) { return raw(value ? "true" : "false"); }
Writer& Writer::null() { return raw("null"); }

Writer& Writer::raw(std::string_view json) {
  separate();
  out_.append(json);
  return *this;
}

std::string Writer::take() {
  WEIR_ASSERT(first_.empty());
  return std::exchange(out_, {});
}

}  // namespace weir::json
