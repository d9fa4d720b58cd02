#pragma once
// The rows of an artefact that is being collected: its lines, or the elements of a page.
#include <optional>
#include <variant>

#include "json/lines.h"
#include "json/page.h"
#include "provider/adapter.h"

namespace weir::engine {

class RowSplitter {
 public:
  RowSplitter(const provider::Collect& collect, std::size_t row_bytes_max)
      : rows_(json::LineSplitter(row_bytes_max)) {
    if (!collect.rows_member.empty())
      rows_ = json::PageSplitter(collect.rows_member, row_bytes_max, collect.rows_before);
  }

  template <class OnRow>
  bool feed(std::string_view bytes, OnRow&& on_row) {
    return std::visit([&](auto& rows) { return rows.feed(bytes, on_row); }, rows_);
  }
  /// The last line, when the artefact did not end with a line end. A page has none.
  template <class OnRow>
  void finish(OnRow&& on_row) {
    if (auto* lines = std::get_if<json::LineSplitter>(&rows_)) lines->finish(on_row);
  }
  /// Null: the artefact is JSONL.
  [[nodiscard]] const json::PageSplitter* page() const {
    return std::get_if<json::PageSplitter>(&rows_);
  }

 private:
  std::variant<json::LineSplitter, json::PageSplitter> rows_;
};

}  // namespace weir::engine
