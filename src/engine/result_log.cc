#include "engine/result_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/hash.h"

namespace weir::engine {
namespace {

// A frame: this header (little-endian, as every machine Weir runs on), the line, the raw usage. The CRC covers all after itself.
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
};
static_assert(sizeof(FrameHeader) == 40);
constexpr std::size_t kCrcFrom = offsetof(FrameHeader, item);
// A row may have 32 MB; with escapes and the rest of the line this is never reached by an honest frame.
constexpr std::uint32_t kFrameBytesMax = 256U << 20;
constexpr std::size_t kSlotBytes = 16;
constexpr std::size_t kSlotsAtOnce = 4096;

std::uint32_t frame_crc(std::string_view frame) { return crc32c(frame.substr(kCrcFrom)); }

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

// The header when these bytes begin with a plausible one.
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

struct Slot {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t end = 0;
};
static_assert(sizeof(Slot) == kSlotBytes);

// Calls visit(item, slot) for every slot that the file has; the last one may be torn.
template <class Visit>
Result<void> visit_slots(File& file, std::uint64_t items, Visit&& visit) {
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

Result<ResultCounts> count_slots(File& file, std::uint64_t items, std::uint64_t segment_bytes) {
  ResultCounts counts;
  WEIR_CHECK(visit_slots(file, items, [&](std::uint64_t, const Slot& slot) -> Result<void> {
    if (slot.offset + slot.length > segment_bytes) return {};
    switch (static_cast<ItemEnd>(slot.end)) {
      case ItemEnd::kSucceeded: ++counts.succeeded; break;
      case ItemEnd::kFailed: ++counts.failed; break;
      case ItemEnd::kCancelled: ++counts.cancelled; break;
      case ItemEnd::kNone: break;
    }
    return {};
  }));
  return counts;
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

}  // namespace

Result<std::unique_ptr<ResultLog>> ResultLog::open(FileSystem& files, const std::string& folder,
                                                   const std::string& output_path,
                                                   std::uint64_t items, std::uint64_t segment_bytes,
                                                   Watermark output) {
  std::unique_ptr<ResultLog> log(new ResultLog);
  WEIR_TRY(log->segment_, files.open(folder + "/results.segment"));
  WEIR_TRY(log->slots_, files.open(folder + "/results.slots"));
  WEIR_TRY(log->output_, files.open(output_path));
  log->items_ = items;
  log->segment_bytes_ = segment_bytes;
  WEIR_TRY(const auto size, log->segment_->size());
  if (size < segment_bytes)
    return fail(ErrorKind::kInternal,
                fmt::format("{}/results.segment has {} bytes, {} were committed", folder, size,
                            segment_bytes),
                "the store is damaged: restore it, or begin again with --restart");
  WEIR_TRY(const auto output_size, log->output_->size());
  if (output_size < output.bytes)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} is shorter than what was written ({} of {} bytes)", output_path,
                            output_size, output.bytes),
                "it was changed by somebody else: restore it, or begin again with --restart");
  WEIR_CHECK(log->output_->truncate(output.bytes));
  log->output_mark_ = output;
  return log;
}

Result<void> ResultLog::recover(const std::function<bool(const Record&)>& keep) {
  WEIR_CHECK(
      visit_slots(*slots_, items_, [&](std::uint64_t item, const Slot& slot) -> Result<void> {
        if (slot.offset + slot.length <= segment_bytes_) return {};
        dirty_ = true;
        return write_slot(*slots_, item, Slot{});
      }));
  WEIR_TRY(const auto size, segment_->size());
  std::uint64_t at = segment_bytes_;
  while (at + sizeof(FrameHeader) <= size) {
    std::string head(sizeof(FrameHeader), '\0');
    WEIR_CHECK(segment_->read(at, head));
    const auto header = header_of(head);
    if (!header) break;
    const std::uint64_t length = sizeof *header + header->line_bytes + header->usage_bytes;
    if (at + length > size) break;
    WEIR_TRY(const auto frame, read_frame(at, static_cast<std::uint32_t>(length)));
    const auto record = decode_frame(frame);
    if (!record || record->item >= items_) break;
    if (keep(*record)) {
      WEIR_CHECK(write_slot(
          *slots_, record->item,
          {at, static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(record->end)}));
    }
    at += length;
  }
  // Frames that do not count stay in the segment, so the cleared slots must be on the disk before its new length is committed.
  dirty_ = dirty_ || at != segment_bytes_ || at != size;
  segment_bytes_ = at;
  return segment_->truncate(at);
}

Result<std::string> ResultLog::read_frame(std::uint64_t offset, std::uint32_t length) {
  std::string frame(length, '\0');
  WEIR_TRY(const auto got, segment_->read(offset, frame));
  if (got != length)
    return fail(ErrorKind::kInternal,
                fmt::format("results.segment ends inside the record at {}", offset),
                "the store is damaged: restore it, or begin again with --restart");
  return frame;
}

Result<void> ResultLog::append(const Record& record) {
  WEIR_ASSERT(record.end != ItemEnd::kNone);
  WEIR_ASSERT(record.item < items_);
  WEIR_TRY(const auto old, read_slot(*slots_, record.item));
  WEIR_ASSERT(old.end == 0);
  const std::string frame = encode_frame(record);
  WEIR_CHECK(segment_->write(segment_bytes_, frame));
  WEIR_CHECK(write_slot(*slots_, record.item,
                        {segment_bytes_, static_cast<std::uint32_t>(frame.size()),
                         static_cast<std::uint32_t>(record.end)}));
  segment_bytes_ += frame.size();
  dirty_ = true;
  return {};
}

Result<ItemEnd> ResultLog::end_of(std::uint64_t item) {
  WEIR_ASSERT(item < items_);
  WEIR_TRY(const auto found, read_slot(*slots_, item));
  return static_cast<ItemEnd>(found.end);
}

Result<ResultLog::Record> ResultLog::record_of(std::uint64_t item) {
  WEIR_TRY(const auto slot, read_slot(*slots_, item));
  WEIR_ASSERT(slot.end != 0);
  WEIR_TRY(const auto frame, read_frame(slot.offset, slot.length));
  auto record = decode_frame(frame);
  if (!record || record->item != item) return damaged_record(item);
  return *std::move(record);
}

Result<ResultLog::Origin> ResultLog::origin_of(std::uint64_t item) {
  WEIR_TRY(const auto slot, read_slot(*slots_, item));
  WEIR_ASSERT(slot.end != 0);
  WEIR_TRY(const auto head, read_frame(slot.offset, sizeof(FrameHeader)));
  const auto header = header_of(head);
  if (!header) return damaged_record(item);
  return Origin{header->batch, header->sequence};
}

Result<void> ResultLog::sync() {
  if (!dirty_) return {};
  WEIR_CHECK(segment_->sync());
  WEIR_CHECK(slots_->sync());
  dirty_ = false;
  return {};
}

Result<Watermark> ResultLog::extend_output(std::uint64_t bytes_max) {
  std::string chunk;
  Watermark mark = output_mark_;
  while (mark.items < items_ && chunk.size() < bytes_max) {
    WEIR_TRY(const auto next, read_slot(*slots_, mark.items));
    if (next.end == 0) break;
    WEIR_TRY(const auto frame, read_frame(next.offset, next.length));
    const auto record = decode_frame(frame);
    if (!record || record->item != mark.items) return damaged_record(mark.items);
    chunk += record->line;
    chunk += '\n';
    ++mark.items;
  }
  if (chunk.empty()) return output_mark_;
  WEIR_CHECK(output_->write(output_mark_.bytes, chunk));
  WEIR_CHECK(output_->sync());
  mark.bytes += chunk.size();
  output_mark_ = mark;
  return mark;
}

Result<ResultCounts> ResultLog::count() { return count_slots(*slots_, items_, segment_bytes_); }

Result<ResultCounts> count_ends(FileSystem& files, const std::string& folder, std::uint64_t items,
                                std::uint64_t segment_bytes) {
  WEIR_TRY(const auto slots, files.open(folder + "/results.slots"));
  return count_slots(*slots, items, segment_bytes);
}

}  // namespace weir::engine
