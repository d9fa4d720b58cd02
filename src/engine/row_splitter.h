#pragma once
// The rows of an artefact that is being collected: its lines, the elements of a page, or the records of an Avro file.
#include <optional>
#include <variant>

#include "json/avro.h"
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
    if (collect.avro) rows_ = json::AvroSplitter(row_bytes_max);
  }

  template <class OnRow>
  bool feed(std::string_view bytes, OnRow&& on_row) {
    return std::visit([&](auto& rows) { return rows.feed(bytes, on_row); }, rows_);
  }
  /// The last line, when the artefact did not end with a line end. Pages and Avro files have none.
  template <class OnRow>
  void finish(OnRow&& on_row) {
    if (auto* lines = std::get_if<json::LineSplitter>(&rows_)) lines->finish(on_row);
  }
  /// Null: the artefact is no page.
  [[nodiscard]] const json::PageSplitter* page() const {
    return std::get_if<json::PageSplitter>(&rows_);
  }
  /// Null: the artefact is no Avro file.
  [[nodiscard]] const json::AvroSplitter* avro() const {
    return std::get_if<json::AvroSplitter>(&rows_);
  }

 private:
  std::variant<json::LineSplitter, json::PageSplitter, json::AvroSplitter> rows_;
};

}  // namespace weir::engine
