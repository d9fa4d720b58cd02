#include "json/scan.h"

#include <string>

namespace weir::json {
namespace {

// Where the string that begins at `at` ends: behind its closing quote. Long texts are the bulk of a prompt, so the
// quote is searched in strides; each run of backslashes is counted once, which keeps this linear.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (std::size_t from = at + 1; from < text.size();) {
    const auto quote = text.find('"', from);
    if (quote == std::string_view::npos) break;
    std::size_t backslashes = 0;
    while (quote - backslashes > from && text[quote - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return quote + 1;
    from = quote + 1;
  }
  return text.size();
}

}  // namespace

void Scanner::space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

std::string_view Scanner::string() {
  if (peek() != '"') return {};
  const std::size_t start = at_;
  at_ = string_end(text_, at_);
  return text_.substr(start, at_ - start);
}

Span Scanner::value() {
  const std::size_t start = at_;
  if (peek() == '"') {
    string();
  } else if (peek() == '{' || peek() == '[') {
    int depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    } while (depth > 0 && at_ < text_.size());
  } else {
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != '}' &&
           text_[at_] != ']')
      ++at_;
  }
  const Span span{start, at_ - start};
  space();
  return span;
}

// A token with escapes is compared by unescaping its simple ones.
bool spells(std::string_view token, std::string_view name) {
  constexpr std::size_t kEscapeLength = 6;  // \u0061: no character of a plain name takes more
  if (token.size() < name.size() + 2 || token.size() > name.size() * kEscapeLength + 2)
    return false;
  token = token.substr(1, token.size() - 2);
  if (token.find('\\') == std::string_view::npos) return token == name;
  // Only \uXXXX of plain ASCII can spell a name otherwise; keys that Weir reads are plain ASCII.
  std::string plain;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '\\' || i + 1 >= token.size()) {
      plain.push_back(token[i]);
      continue;
    }
    const char kind = token[++i];
    switch (kind) {
      case 'n': plain.push_back('\n'); break;
      case 't': plain.push_back('\t'); break;
      case 'r': plain.push_back('\r'); break;
      case 'b': plain.push_back('\b'); break;
      case 'f': plain.push_back('\f'); break;
      case 'u': {
        unsigned code = 0;
        for (int digit = 0; digit < 4 && i + 1 < token.size(); ++digit) {
          const char h = token[++i];
          code = code * 16 + static_cast<unsigned>(h <= '9' ? h - '0' : (h | 32) - 'a' + 10);
        }
        if (code >= 0x80) return false;
        plain.push_back(static_cast<char>(code));
        break;
      }
      default: plain.push_back(kind);
    }
  }
  return plain == name;
}

}  // namespace weir::json
