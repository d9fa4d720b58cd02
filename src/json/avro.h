#pragma once
// Reads Avro object containers, whatever the chunks, and hands out their records as rows of JSON. A record is the largest
// thing in memory: blocks are neither kept whole nor unpacked whole. Pure; not thread-safe.
//
// Why no library: docs/adr/2026-11-27-avro-is-read-here.md.
// Doc: https://avro.apache.org/docs/1.11.1/specification/ (checked 2026-11-27)
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/lines.h"

namespace weir::json {

/// Codecs `null` and `deflate`. Records become objects of their fields, in order: a union is its value alone, bytes and fixed
/// are texts of a character a byte, what is no number is null; logical types are what they are made of. Invalid UTF-8 is
/// replaced by U+FFFD.
class AvroSplitter {
 public:
  /// More than a header says: the schema and a few words.
  static constexpr std::size_t kHeaderBytesMax = 1 << 20;
  /// Values within values, as deep as any JSON that is read here.
  static constexpr std::size_t kDepthMax = 60;

  /// @param row_bytes_max of a record, as it stands there and as JSON
  explicit AvroSplitter(std::size_t row_bytes_max);
  AvroSplitter(AvroSplitter&&) noexcept;
  AvroSplitter& operator=(AvroSplitter&&) noexcept;
  ~AvroSplitter();

  /// Calls on_row(const LineSplitter::Line&) for every record that ended in these bytes; stops early when it returns false. A
  /// record beyond the bound is reported once, as too long, and the rest of its block is skipped. Offsets are not kept.
  template <class OnRow>
  bool feed(std::string_view bytes, OnRow&& on_row) {
    while (const auto row = next(bytes))
      if (!on_row(static_cast<const LineSplitter::Line&>(*row))) return false;
    return true;
  }

  /// Whether it is a whole container. @error kBadResponse it breaks off, is none, has another codec, or a record does not
  /// follow the schema: nothing behind such a place was handed out.
  [[nodiscard]] Result<void> end() const;

 private:
  /// The next record that ends within the bytes, which are taken up to there; nothing when all are taken.
  std::optional<LineSplitter::Line> next(std::string_view& bytes);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::json
