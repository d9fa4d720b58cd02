#pragma once
// Internal to the result log and its readers: how a record stands in the segment, and a slot in the slots file.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/result_log.h"

namespace weir::engine {

/// A frame: this header (little-endian, as every machine Weir runs on), the line, the raw usage. The CRC covers all after itself.
struct FrameHeader {
  std::uint32_t magic = kMagic;
  std::uint32_t crc = 0;
  std::uint64_t item = 0;
  std::uint64_t sequence = 0;
  std::uint32_t line_bytes = 0;
  std::uint32_t usage_bytes = 0;
  std::uint32_t end = 0;
  std::uint32_t batch = 0;
  static constexpr std::uint32_t kMagic = 0x52494557;  // "WEIR"
  [[nodiscard]] std::uint64_t frame_bytes() const {
    return sizeof(FrameHeader) + line_bytes + usage_bytes;
  }
};
static_assert(sizeof(FrameHeader) == 40);

std::string encode_frame(const ResultLog::Record& record);
/// The header when these bytes begin with a plausible one.
std::optional<FrameHeader> header_of(std::string_view bytes);
/// Nothing when the bytes are not exactly one whole frame with a right CRC.
std::optional<ResultLog::Record> decode_frame(std::string_view frame);
std::unexpected<Error> damaged_record(std::uint64_t item);

/// Where an item's record stands; `end` 0: it has none.
struct Slot {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t end = 0;
  [[nodiscard]] bool within(std::uint64_t segment_bytes) const {
    return end != 0 && offset <= segment_bytes && length <= segment_bytes - offset;
  }
  friend bool operator==(const Slot&, const Slot&) = default;
};
inline constexpr std::size_t kSlotBytes = 16;
static_assert(sizeof(Slot) == kSlotBytes);

/// Calls visit(item, slot) for every slot that is set; the last one of the file may be torn.
Result<void> visit_slots(File& file, std::uint64_t items,
                         const std::function<Result<void>(std::uint64_t, const Slot&)>& visit);
Result<Slot> read_slot(File& file, std::uint64_t item);
Result<void> write_slot(File& file, std::uint64_t item, const Slot& slot);
/// Reads a frame's bytes. @error kInternal the segment ends inside it.
Result<std::string> read_frame_bytes(File& segment, std::uint64_t offset, std::uint32_t length);

}  // namespace weir::engine
