#include "engine/result_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/hash.h"

namespace weir::engine {
namespace {

constexpr std::size_t kCrcFrom = offsetof(FrameHeader, item);
// A row may have 32 MB; with escapes and the rest of the line this is never reached by an honest frame.
constexpr std::uint32_t kFrameBytesMax = 256U << 20;
constexpr std::size_t kSlotsAtOnce = 4096;

std::uint32_t frame_crc(std::string_view frame) { return crc32c(frame.substr(kCrcFrom)); }

}  // namespace

std::string encode_frame(const ResultLog::Record& record) {
  FrameHeader header;
  header.item = record.item;
  header.sequence = record.sequence;
  header.batch = static_cast<std::uint32_t>(record.batch);
  header.line_bytes = static_cast<std::uint32_t>(record.line.size());
  header.usage_bytes = static_cast<std::uint32_t>(record.usage_raw.size());
  header.end = static_cast<std::uint32_t>(record.end);
  std::string frame(sizeof header, '\0');
  std::memcpy(frame.data(), &header, sizeof header);
  frame += record.line;
  frame += record.usage_raw;
  header.crc = frame_crc(frame);
  std::memcpy(frame.data(), &header, sizeof header);
  return frame;
}

std::optional<FrameHeader> header_of(std::string_view bytes) {
  FrameHeader header;
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != FrameHeader::kMagic) return std::nullopt;
  if (std::uint64_t{header.line_bytes} + header.usage_bytes > kFrameBytesMax) return std::nullopt;
  if (header.end == 0 || header.end > 3) return std::nullopt;
  return header;
}

std::optional<ResultLog::Record> decode_frame(std::string_view frame) {
  const auto header = header_of(frame);
  if (!header || frame.size() != sizeof *header + header->line_bytes + header->usage_bytes)
    return std::nullopt;
  if (frame_crc(frame) != header->crc) return std::nullopt;
  return ResultLog::Record{
      .item = header->item,
      .batch = header->batch,
      .sequence = header->sequence,
      .end = static_cast<ItemEnd>(header->end),
      .line = std::string(frame.substr(sizeof *header, header->line_bytes)),
      .usage_raw = std::string(frame.substr(sizeof *header + header->line_bytes))};
}

std::unexpected<Error> damaged_record(std::uint64_t item) {
  return fail(ErrorKind::kInternal, fmt::format("the record of item {} is damaged", item),
              "the store is damaged: restore it, or begin again with --restart");
}

Result<void> visit_slots(File& file, std::uint64_t items,
                         const std::function<Result<void>(std::uint64_t, const Slot&)>& visit) {
  std::vector<char> bytes(kSlotsAtOnce * kSlotBytes);
  for (std::uint64_t first = 0; first < items; first += kSlotsAtOnce) {
    WEIR_TRY(const auto got, file.read(first * kSlotBytes, bytes));
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(got), bytes.end(), '\0');
    for (std::size_t i = 0; i * kSlotBytes < got && first + i < items; ++i) {
      Slot slot;
      std::memcpy(&slot, bytes.data() + i * kSlotBytes, sizeof slot);
      if (slot.end != 0) WEIR_CHECK(visit(first + i, slot));
    }
    if (got < bytes.size()) break;
  }
  return {};
}

Result<Slot> read_slot(File& file, std::uint64_t item) {
  std::array<char, kSlotBytes> bytes{};
  WEIR_CHECK(file.read(item * kSlotBytes, bytes));
  Slot slot;
  std::memcpy(&slot, bytes.data(), sizeof slot);
  return slot;
}

Result<void> write_slot(File& file, std::uint64_t item, const Slot& slot) {
  std::array<char, kSlotBytes> bytes{};
  std::memcpy(bytes.data(), &slot, sizeof slot);
  return file.write(item * kSlotBytes, {bytes.data(), bytes.size()});
}

Result<std::string> read_frame_bytes(File& segment, std::uint64_t offset, std::uint32_t length) {
  std::string frame(length, '\0');
  WEIR_TRY(const auto got, segment.read(offset, frame));
  if (got != length)
    return fail(ErrorKind::kInternal,
                fmt::format("results.segment ends inside the record at {}", offset),
                "the store is damaged: restore it, or begin again with --restart");
  return frame;
}

}  // namespace weir::engine
