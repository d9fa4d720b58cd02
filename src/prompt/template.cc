#include "prompt/template.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/nearest.h"

namespace weir::prompt {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
// An error lists this many field names: a record may have thousands.
constexpr std::size_t kNamesListedMax = 20;

bool is_name_start(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool is_name_part(char c) {
  return is_name_start(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

std::string_view trim_spaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view text) {
  return !text.empty() && is_name_start(text.front()) && std::ranges::all_of(text, is_name_part);
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// An ATX heading: up to three spaces, one to six '#', then a space or nothing.
bool is_heading(std::string_view line) {
  const auto start = line.find_first_not_of(' ');
  if (start > 3) return false;  // or there is none: npos
  const auto end = line.find_first_not_of('#', start);
  const auto level = std::min(end, line.size()) - start;
  if (level == 0 || level > 6) return false;
  return end == std::string_view::npos || is_blank(line.substr(end, 1));
}

// Where the paragraph that holds `position` begins.
std::size_t paragraph_start(std::string_view text, std::size_t position) {
  const auto line_start = [&](std::size_t at) {
    const auto end = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    return end == std::string_view::npos ? 0 : end + 1;
  };
  std::size_t start = line_start(position);
  // A heading is a paragraph of its own; the rest of this line is not needed to see that it is one.
  if (is_heading(text.substr(start, position - start))) return start;
  while (start > 0) {
    const std::size_t before = line_start(start - 1);
    const auto line = text.substr(before, start - before);
    if (is_blank(line) || is_heading(line)) break;
    start = before;
  }
  return start;
}

std::string place(std::string_view text, std::size_t position) {
  const auto before = text.substr(0, position);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto line_begin = before.rfind('\n');
  const auto head = line_begin == std::string_view::npos ? before : before.substr(line_begin + 1);
  // Columns count characters: continuation bytes of UTF-8 are none.
  const auto column = 1 + std::ranges::count_if(head, [](char c) {
                        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                      });
  return fmt::format("line {}, column {}", line, column);
}

// For messages: names are the user's, of any length.
std::string short_name(std::string_view text) {
  constexpr std::size_t kNameShownMax = 40;
  if (text.size() <= kNameShownMax) return std::string(text);
  std::size_t end = kNameShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

Error missing_field(const std::string& field, const Template::Names& names) {
  Error error{.kind = ErrorKind::kInvalidArgument,
              .message = fmt::format("field '{}' of the template is not in the record", field)};
  if (!names) return error;
  const auto all = names();
  std::vector<std::string> listed;
  for (const auto& name : all)
    if (listed.size() < kNamesListedMax) listed.push_back(short_name(name));
  if (listed.size() < all.size()) listed.emplace_back("…");
  error.message += fmt::format(", which has {}",
                               all.empty() ? "none" : fmt::format("{}", fmt::join(listed, ", ")));
  if (const auto near = nearest_name(field, all))
    error.hint = fmt::format("did you mean '{}'?", *near);
  return error;
}

}  // namespace

// Walks over the text once; pieces before the cut are the static part.
class TemplateParser {
 public:
  TemplateParser(std::string_view text, TemplateOptions options) : text_(text), options_(options) {}

  Result<Template> run() {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    if (is_blank(text_)) return fail(ErrorKind::kInvalidArgument, "the prompt template is empty");
    if (!simdjson::validate_utf8(text_.data(), text_.size()))
      return fail(ErrorKind::kInvalidArgument, "the prompt template is not valid UTF-8",
                  "save it as UTF-8");
    WEIR_CHECK(scan());
    if (out_.fields_.empty()) WEIR_CHECK(append_record());
    return std::move(out_);
  }

 private:
  // Until the first placeholder, literal text goes to static_part_; there it is cut.
  Result<void> scan() {
    std::size_t at = 0;
    while (at < text_.size()) {
      const auto open = std::min(text_.find(kOpen, at), text_.size());
      literal(text_.substr(at, open - at));
      if (open == text_.size()) break;
      at = open + kOpen.size();
      if (text_.substr(at).starts_with(kOpen)) {
        literal(kOpen);
        at += kOpen.size();
        continue;
      }
      const auto close = text_.find(kClose, at);
      const auto inside = text_.substr(at, close == std::string_view::npos ? close : close - at);
      const auto name = trim_spaces(inside);
      if (close == std::string_view::npos || !is_name(name))
        return refuse(open, name, close != std::string_view::npos);
      if (out_.fields_.empty()) cut(open);
      placeholder(name);
      at = close + kClose.size();
    }
    return {};
  }

  void literal(std::string_view bytes) {
    if (bytes.empty()) return;
    if (out_.fields_.empty()) {
      out_.static_part_ += bytes;
    } else if (!out_.variable_.empty() && out_.variable_.back().field.empty()) {
      out_.variable_.back().literal += bytes;
    } else {
      out_.variable_.push_back({.literal = std::string(bytes)});
    }
  }

  // Moves the start of the placeholder's paragraph from the static part to the variable part. Both
  // sides are literal text here, so cutting by the length of what follows the cut would be wrong
  // where `{{{{` became `{{`: read again.
  void cut(std::size_t placeholder_at) {
    const auto start = paragraph_start(text_, placeholder_at);
    std::string head = unescape(text_.substr(0, start));
    std::string tail = unescape(text_.substr(start, placeholder_at - start));
    out_.static_part_ = std::move(head);
    if (!tail.empty()) out_.variable_.push_back({.literal = std::move(tail)});
  }

  static std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const auto open = std::min(text.find("{{{{", at), text.size());
      out += text.substr(at, open - at);
      if (open == text.size()) break;
      out += kOpen;
      at = open + 4;
    }
    return out;
  }

  void placeholder(std::string_view name) {
    out_.variable_.push_back({.field = std::string(name)});
    if (std::ranges::find(out_.fields_, name) == out_.fields_.end())
      out_.fields_.emplace_back(name);
  }

  Result<void> append_record() {
    if (!options_.append_record)
      return fail(ErrorKind::kInvalidArgument,
                  "the prompt template has no {{field}}: every document would get the same prompt",
                  "put a field of the input where the document belongs, such as {{text}}");
    while (!out_.static_part_.ends_with("\n\n")) out_.static_part_ += '\n';
    placeholder(kWholeRecord);
    return {};
  }

  [[nodiscard]] Result<void> refuse(std::size_t open, std::string_view name, bool closed) const {
    const auto where = place(text_, open);
    if (!closed)
      return fail(ErrorKind::kInvalidArgument,
                  "the prompt template has '{{' without '}}', " + where,
                  "write {{{{ for a literal {{");
    if (name.empty())
      return fail(ErrorKind::kInvalidArgument, "the prompt template has an empty {{}}, " + where,
                  "write {{{{ for a literal {{");
    // The name is the user's own template text; cut, because a forgotten brace makes it long.
    const auto shown = short_name(name.substr(0, name.find('\n')));
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the prompt template has a placeholder '{}' that is no field name, {}",
                            shown, where),
                "a name is letters, digits, '_', '.', '-'; there are no sections or helpers; write "
                "{{{{ for a literal {{");
  }

  std::string_view text_;
  TemplateOptions options_;
  Template out_;
};

Result<Template> Template::parse(std::string_view text, TemplateOptions options) {
  return TemplateParser(text, options).run();
}

namespace {

// Texts one after the other, cut behind each field's value.
class Pieces {
 public:
  void literal(std::string_view text) {
    if (text.empty()) return;
    cut();
    out_.back() += text;
  }
  void value(std::string_view text) {
    cut();
    out_.back() += text;
    ended_ = true;
  }
  std::vector<std::string> take() {
    // What only closes the text is no piece of its own.
    if (!ended_ && out_.size() > 1) {
      const auto tail = std::move(out_.back());
      out_.pop_back();
      out_.back() += tail;
    }
    return std::move(out_);
  }

 private:
  void cut() {
    if (std::exchange(ended_, false)) out_.emplace_back();
  }
  std::vector<std::string> out_{std::string()};
  bool ended_ = false;  // the last piece, by a field's value
};

template <typename Line>
Result<void> render(const Line& line, Pieces& out, const Template::Lookup& lookup,
                    const Template::Names& names) {
  for (const auto& piece : line) {
    if (piece.field.empty()) {
      out.literal(piece.literal);
      continue;
    }
    const auto value = lookup(piece.field);
    if (!value) return std::unexpected(missing_field(piece.field, names));
    out.value(*value);
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> Template::render_pieces(
    const Lookup& lookup, const Names& names, std::span<const std::uint8_t> order) const {
  Pieces out;
  out.literal(head_);
  for (std::size_t i = 0; i < movable_.size(); ++i) {
    if (i > 0) out.literal("\n");
    WEIR_CHECK(render(movable_[order.empty() ? i : order[i]], out, lookup, names));
  }
  WEIR_CHECK(render(variable_, out, lookup, names));
  return out.take();
}

Result<std::string> Template::render_line(std::size_t line, const Lookup& lookup,
                                          const Names& names) const {
  Pieces out;
  WEIR_CHECK(render(movable_[line], out, lookup, names));
  std::string text;
  for (const auto& piece : out.take()) text += piece;
  return text;
}

// The variable part by its lines; each but the last had an end, which is left out.
std::vector<Template::Line> Template::lines() const {
  std::vector<Line> out(1);
  for (const auto& piece : variable_) {
    if (!piece.field.empty()) {
      out.back().push_back(piece);
      continue;
    }
    std::string_view rest = piece.literal;
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      if (end > 0) out.back().push_back({.literal = std::string(rest.substr(0, end))});
      out.emplace_back();
      rest.remove_prefix(end + 1);
    }
    if (!rest.empty()) out.back().push_back({.literal = std::string(rest)});
  }
  return out;
}

Result<void> Template::make_movable(const std::vector<std::string>& fields) {
  const auto bad = [](std::string message, std::string hint) {
    return fail(ErrorKind::kInvalidArgument, std::move(message), std::move(hint));
  };
  const auto all = lines();
  const auto moves = [&](const Line& line) {
    return std::ranges::any_of(line, [&](const Piece& piece) {
      return std::ranges::find(fields, piece.field) != fields.end();
    });
  };
  const auto count_of = [](const Line& line, std::string_view field) {
    return std::ranges::count_if(line, [&](const Piece& piece) {
      return field.empty() ? !piece.field.empty() : piece.field == field;
    });
  };
  for (const auto& field : fields) {
    const auto uses =
        std::accumulate(all.begin(), all.end(), std::ptrdiff_t{0},
                        [&](auto sum, const Line& line) { return sum + count_of(line, field); });
    if (uses == 0) {
      auto error = missing_field(field, [&] { return fields_; });
      error.message = fmt::format("'{}' is no field of the template", short_name(field));
      return std::unexpected(std::move(error));
    }
    if (uses > 1)
      return bad(fmt::format("the template uses '{}' {} times", field, uses),
                 "a field whose line may move stands once");
  }
  std::vector<Line> movable;
  const auto begin = std::ranges::find_if(all, [&](const auto& l) { return count_of(l, "") > 0; });
  for (auto at = begin; at != all.end() && moves(*at); ++at) {
    const auto& line = *at;
    if (count_of(line, "") > 1)
      return bad("a line whose field may move holds other fields as well",
                 "give each of them a line of its own");
    movable.push_back(line);
  }
  if (movable.size() < fields.size()) {
    const auto& stray = *std::ranges::find_if(fields, [&](const auto& field) {
      return std::ranges::none_of(movable,
                                  [&](const auto& line) { return count_of(line, field) > 0; });
    });
    return bad(
        fmt::format("other lines stand before or between the line of '{}' and those that may move",
                    stray),
        "put the lines that may move together, before all other fields");
  }
  for (auto at = all.begin(); at != begin; ++at)
    head_ += (at->empty() ? "" : at->front().literal) + "\n";
  movable_ = std::move(movable);
  // What is left begins with the end of the last of them.
  std::vector<Piece> rest;
  for (auto at = begin + static_cast<std::ptrdiff_t>(movable_.size()); at != all.end(); ++at) {
    rest.push_back({.literal = "\n"});
    rest.insert(rest.end(), at->begin(), at->end());
  }
  variable_ = std::move(rest);
  return {};
}

Result<std::string> Template::render_variable(const Lookup& lookup, const Names& names) const {
  WEIR_TRY(const auto pieces, render_pieces(lookup, names));
  std::string out;
  for (const auto& piece : pieces) out += piece;
  return out;
}

}  // namespace weir::prompt
