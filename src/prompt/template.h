#pragma once
// A prompt template: Markdown with `{{field}}` placeholders, cut into a static part (the same bytes
// for every record, so that a provider's prompt cache can hold it) and a variable part. static part
// + variable part = the template, byte for byte. Immutable after parse, so one Template serves any
// number of threads. It knows no record format: fields come from a callback, and a value is
// inserted as it is, never read as template text again.
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::prompt {

/// The name of the field that is the whole record (Record::field knows it).
inline constexpr std::string_view kWholeRecord = "*";

struct TemplateOptions {
  /// A template without placeholders gets the whole record appended as a paragraph of its own: its
  /// static part is the text, its variable part is the record, and fields() is {kWholeRecord}.
  /// Without it such a template is an error.
  bool append_record = false;
};

class Template {
 public:
  /// The value of a field, or nothing when the record has none of that name. A dotted name reaches
  /// into nested objects; what that means is the lookup's business.
  using Lookup = std::function<std::optional<std::string>(std::string_view name)>;
  /// The names of the fields a record has: only asked for when one is missing.
  using Names = std::function<std::vector<std::string>()>;

  /// `{{name}}`, `{{ name }}`: a placeholder; a name is [A-Za-z_][A-Za-z0-9_.-]*. `{{{{`: a literal
  /// `{{`. `}}` alone is text. A byte order mark at the start is dropped.
  /// @error kInvalidArgument empty; not UTF-8; anything else after `{{` (with line and column in
  /// characters, from 1);
  ///   no placeholder at all, unless options.append_record.
  static Result<Template> parse(std::string_view text, TemplateOptions options = {});

  /// Everything before the paragraph of the first placeholder: a paragraph begins after a blank
  /// line or a Markdown heading, or is itself a heading. May be empty. `{{{{` stands as `{{` in it.
  [[nodiscard]] const std::string& static_part() const { return static_part_; }
  /// The distinct names of the placeholders, in order of first use.
  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }

  /// From now on the lines of these fields may change places. Each field stands once, alone on its line, and the lines follow one
  /// another before all other fields: what a record has of its own before them would keep them from being shared.
  /// @error kInvalidArgument says which field is where, and what to do.
  Result<void> make_movable(const std::vector<std::string>& fields);
  /// Lines that may change places; as written they are numbers 0, 1, …
  [[nodiscard]] std::size_t movable() const { return movable_.size(); }
  /// A line's text without its end. @error as render_variable.
  [[nodiscard]] Result<std::string> render_line(std::size_t line, const Lookup& lookup,
                                                const Names& names = {}) const;

  /// The variable part with every placeholder replaced. Same fields, same bytes.
  /// @param names what the error about a missing field lists; may be empty.
  /// @error kInvalidArgument a field is missing: names it, the fields there are, and the nearest
  /// one as the hint.
  [[nodiscard]] Result<std::string> render_variable(const Lookup& lookup,
                                                    const Names& names = {}) const;
  /// The same text in pieces, never none: each but the last ends with a field's value, so that records with equal first fields have
  /// equal first pieces. `order`: the movable lines, first to last; empty: as written. @error as render_variable.
  [[nodiscard]] Result<std::vector<std::string>> render_pieces(
      const Lookup& lookup, const Names& names = {},
      std::span<const std::uint8_t> order = {}) const;

 private:
  // A literal, or (field not empty) a placeholder.
  struct Piece {
    std::string literal;
    std::string field;
  };
  using Line = std::vector<Piece>;
  Template() = default;
  [[nodiscard]] std::vector<Line> lines() const;

  std::string static_part_;
  std::string head_;             // where lines may move: the lines without a field before them
  std::vector<Line> movable_;    // a line each, without its end…
  std::vector<Piece> variable_;  // …and what follows them
  std::vector<std::string> fields_;
  friend class TemplateParser;
};

}  // namespace weir::prompt
