#include "json/patch.h"

#include <algorithm>

#include "json/write.h"

namespace weir::json {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Steps over the tokens of a validated document. Never reads past the end, even where the document is not valid after all.
class Scanner {
 public:
  Scanner(std::string_view text, std::size_t at) : text_(text), at_(at) { space(); }

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }

  void space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    space();
    return true;
  }
  // The raw token of a string, quotes included.
  std::string_view string() {
    const std::size_t start = at_;
    if (peek() != '"') return {};
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(start, at_ - start);
  }
  // Skips one value and gives its span.
  Span value() {
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
      while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' &&
             text_[at_] != '}' && text_[at_] != ']')
        ++at_;
    }
    const Span span{start, at_ - start};
    space();
    return span;
  }

 private:
  std::string_view text_;
  std::size_t at_;
};

// Whether the raw string token spells `name`. A token with escapes is compared by unescaping its simple ones.
bool spells(std::string_view token, std::string_view name) {
  if (token.size() < 2) return false;
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

std::optional<Span> member(std::string_view text, Span object, std::string_view name) {
  Scanner scan(text.substr(0, object.offset + object.length), object.offset);
  if (!scan.take('{')) return std::nullopt;
  while (!scan.done() && scan.peek() == '"') {
    const auto key = scan.string();
    scan.space();
    if (!scan.take(':')) return std::nullopt;
    const Span value = scan.value();
    if (spells(key, name)) return value;
    if (!scan.take(',')) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Span> element(std::string_view text, Span array, std::size_t index) {
  Scanner scan(text.substr(0, array.offset + array.length), array.offset);
  if (!scan.take('[') || scan.peek() == ']') return std::nullopt;
  for (std::size_t i = 0; !scan.done(); ++i) {
    const Span value = scan.value();
    if (value.length == 0) return std::nullopt;
    if (i == index) return value;
    if (!scan.take(',')) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Span> locate(std::string_view document, std::span<const PathStep> path) {
  Scanner scan(document, 0);
  if (scan.done()) return std::nullopt;
  Span span = scan.value();
  for (const auto& step : path) {
    const auto next = std::holds_alternative<std::size_t>(step)
                          ? element(document, span, std::get<std::size_t>(step))
                          : member(document, span, std::get<std::string_view>(step));
    if (!next) return std::nullopt;
    span = *next;
  }
  return span;
}

std::optional<Span> locate(std::string_view document, std::initializer_list<PathStep> path) {
  return locate(document, std::span(path.begin(), path.size()));
}

Result<std::string> apply(std::string_view document, std::vector<Edit> edits) {
  std::string out;
  std::size_t at = 0, size = document.size();
  std::vector<const Edit*> order;  // by offset; edits of one place in the order given
  for (const auto& edit : edits) {
    size += edit.replacement.size();
    order.push_back(&edit);
  }
  std::sort(order.begin(), order.end(), [](const Edit* a, const Edit* b) {
    return a->offset != b->offset ? a->offset < b->offset : a < b;
  });
  out.reserve(size + edits.size());
  const Edit* before = nullptr;
  for (const Edit* next : order) {
    const Edit& edit = *next;
    if (edit.offset < at || edit.offset > document.size() ||
        edit.length > document.size() - edit.offset)
      return fail(ErrorKind::kInvalidArgument, "edits of a document overlap or leave it");
    out.append(document, at, edit.offset - at);
    const bool both_first = before != nullptr && before->first_member && edit.first_member;
    if (both_first && before->offset == edit.offset) out.push_back(',');
    before = next;
    out.append(edit.replacement);
    at = edit.offset + edit.length;
  }
  out.append(document, at);
  return out;
}

std::optional<Edit> set_member(std::string_view document, std::initializer_list<PathStep> path,
                               std::string_view key, std::string_view json) {
  const auto object = locate(document, path);
  if (!object || object->length < 2 || document[object->offset] != '{') return std::nullopt;
  if (const auto old = member(document, *object, key))
    return Edit{old->offset, old->length, std::string(json)};
  const std::size_t close = object->offset + object->length - 1;
  std::size_t last = close;
  while (is_space(document[last - 1])) --last;
  const bool first = document[last - 1] == '{';
  std::string addition = first ? "" : ",";
  append_string(addition, key);
  addition += ":";
  addition += json;
  return Edit{last, 0, std::move(addition), first};
}

}  // namespace weir::json
