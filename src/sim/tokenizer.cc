#include "sim/tokenizer.h"

#include <algorithm>

#include "base/hash.h"

namespace weir::sim {
namespace {

constexpr std::size_t kWordPieceBytesMax = 6;
constexpr std::size_t kDigitsMax = 3;
constexpr std::size_t kRememberBytesMin =
    512;  // shorter texts are counted faster than hashed and looked up
constexpr std::size_t kRememberedTextsMax = 8192;  // then forgotten all at once

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == '\n' || c == '\r' || c == '\t' || c == ' '; }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::size_t token_end(std::string_view text, std::size_t at) {
  const std::size_t size = text.size();
  if (text[at] == ' ' && at + 1 < size && !is_blank(text[at + 1])) ++at;
  const char c = text[at];
  std::size_t end = at + 1;
  if (is_letter(c)) {
    const std::size_t limit = std::min(size, at + kWordPieceBytesMax);
    while (end < limit && is_letter(text[end])) ++end;
  } else if (is_digit(c)) {
    const std::size_t limit = std::min(size, at + kDigitsMax);
    while (end < limit && is_digit(text[end])) ++end;
  } else if (is_blank(c)) {
    // A run of blanks is one token, but its last space belongs to the word behind it.
    while (end < size && is_blank(text[end])) ++end;
    if (end < size && end - at > 1 && text[end - 1] == ' ') --end;
  } else if (static_cast<unsigned char>(c) >= 0x80) {
    while (end < size && is_continuation(text[end])) ++end;
  } else {
    const std::size_t limit = std::min(size, at + 4);
    while (end < limit && text[end] == c) ++end;  // "----" and "**" are one token
  }
  return end;
}

std::int64_t count_tokens(std::string_view text) {
  std::int64_t tokens = 0;
  for (std::size_t at = 0; at < text.size(); at = token_end(text, at)) ++tokens;
  return tokens;
}

std::size_t token_prefix_bytes(std::string_view text, std::int64_t tokens) {
  std::size_t at = 0;
  for (; tokens > 0 && at < text.size(); --tokens) at = token_end(text, at);
  return at;
}

std::int64_t TokenCounter::count(std::string_view text) {
  if (text.size() < kRememberBytesMin) return count_tokens(text);
  const std::uint64_t key = hash64(text);
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  if (known_.size() >= kRememberedTextsMax) known_.clear();
  return known_.emplace(key, count_tokens(text)).first->second;
}

}  // namespace weir::sim
