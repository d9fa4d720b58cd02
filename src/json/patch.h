#pragma once
// Bytes are sacred: a patch is a list of (offset, length, replacement) over a validated document; all else stays as it was.
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace weir::json {

/// A byte range of a document.
struct Span {
  std::size_t offset = 0;
  std::size_t length = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

struct Edit {
  std::size_t offset = 0;
  std::size_t length = 0;
  std::string replacement;
  bool first_member = false;  // of an empty object: apply puts a comma between two of them
};

/// A step of a path: a member name, or an index of an array.
using PathStep = std::variant<std::string_view, std::size_t>;

/// Where the value at `path` stands, its raw token without surrounding space. `document` must have been validated
/// (json::Parser). Nothing when the path leads nowhere; the first of repeated keys counts. Linear, no allocation.
std::optional<Span> locate(std::string_view document, std::span<const PathStep> path);
std::optional<Span> locate(std::string_view document, std::initializer_list<PathStep> path);
inline std::string_view raw_at(std::string_view document, Span span) {
  return document.substr(span.offset, span.length);
}

/// The document with the edits done. Edits may come in any order.
/// @error kInvalidArgument an edit overlaps another or leaves the document.
Result<std::string> apply(std::string_view document, std::vector<Edit> edits);

/// The edit that sets object member `key` at `path` to `json`: replaces its value, or adds the member at the end of the object.
/// Nothing when no object stands at `path`.
std::optional<Edit> set_member(std::string_view document, std::initializer_list<PathStep> path,
                               std::string_view key, std::string_view json);

}  // namespace weir::json
