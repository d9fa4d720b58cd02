#include "json/patch.h"

#include <algorithm>

#include "json/scan.h"
#include "json/write.h"

namespace weir::json {
namespace {

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
