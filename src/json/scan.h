#pragma once
// Goes over the raw tokens of a validated document (json::Parser), front to back and without copies: for readers that
// need spans of many members or elements. Never reads past the end, even where the document is not valid after all.
// A Scanner borrows its text. It does not unescape and does not judge.
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "json/patch.h"

namespace weir::json {

/// The white space of JSON itself: what may stand between two tokens.
[[nodiscard]] constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t at) : text_(text), at_(at) { space(); }

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }

  /// Steps over `c` and the space behind it; false, and no step, where something else stands.
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    space();
    return true;
  }
  /// Steps over one byte and the space behind it.
  void skip() {
    if (!done()) ++at_;
    space();
  }
  void space();
  /// The raw token of a string, quotes included; empty where none stands. The space behind it is not stepped over.
  std::string_view string();
  /// Steps over one value and gives its span. Empty where none stands.
  Span value();

 private:
  std::string_view text_;
  std::size_t at_;
};

/// Whether the raw token of a string spells `name`, which is plain ASCII.
bool spells(std::string_view token, std::string_view name);

/// Calls on_member(key token, span of the value) for each member of the object, in order; nothing when it is none.
template <class OnMember>
void for_each_member(std::string_view document, Span object, OnMember&& on_member) {
  Scanner scan(document.substr(0, object.offset + object.length), object.offset);
  if (!scan.take('{')) return;
  while (scan.peek() == '"') {
    const auto key = scan.string();
    scan.space();
    if (!scan.take(':')) return;
    on_member(key, scan.value());
    if (!scan.take(',')) return;
  }
}

/// Calls on_element(span) for each element of the array, in order; nothing when it is none.
template <class OnElement>
void for_each_element(std::string_view document, Span array, OnElement&& on_element) {
  Scanner scan(document.substr(0, array.offset + array.length), array.offset);
  if (!scan.take('[') || scan.peek() == ']') return;
  do {
    const Span value = scan.value();
    if (value.length == 0) return;
    on_element(value);
  } while (scan.take(','));
}

/// Calls on_key(key token, offset of the value) for the members of all objects in the value, at any depth. The value is
/// gone into when on_key says true. One pass, no recursion.
template <class OnKey>
void for_each_key(std::string_view document, Span value, OnKey&& on_key) {
  Scanner scan(document.substr(0, value.offset + value.length), value.offset);
  while (!scan.done()) {
    if (scan.peek() != '"') {
      scan.skip();
      continue;
    }
    const auto token = scan.string();
    scan.space();
    if (scan.take(':') && !on_key(token, scan.at())) scan.value();
  }
}

/// A member that was looked for. The first one counts when it is repeated.
struct Found {
  std::optional<Span> value;
  bool repeated = false;
};

/// The members of these names, in one pass over the object.
template <std::size_t N>
std::array<Found, N> find_members(std::string_view document, Span object,
                                  const std::array<std::string_view, N>& names) {
  std::array<Found, N> out;
  for_each_member(document, object, [&](std::string_view key, Span value) {
    for (std::size_t i = 0; i < N; ++i) {
      if (!spells(key, names[i])) continue;
      if (out[i].value) out[i].repeated = true;
      else out[i].value = value;
    }
  });
  return out;
}

}  // namespace weir::json
