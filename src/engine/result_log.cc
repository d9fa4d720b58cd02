#include "engine/result_log.h"

#include <fmt/format.h>

#include "engine/result_frame.h"

namespace weir::engine {
namespace {

Result<ResultCounts> count_slots(File& file, std::uint64_t items, std::uint64_t segment_bytes) {
  ResultCounts counts;
  WEIR_CHECK(visit_slots(file, items, [&](std::uint64_t, const Slot& slot) -> Result<void> {
    if (!slot.within(segment_bytes)) return {};
    counts.add(static_cast<ItemEnd>(slot.end));
    return {};
  }));
  return counts;
}

}  // namespace

void ResultCounts::add(ItemEnd end) {
  switch (end) {
    case ItemEnd::kSucceeded: ++succeeded; break;
    case ItemEnd::kFailed: ++failed; break;
    case ItemEnd::kCancelled: ++cancelled; break;
    case ItemEnd::kNone: break;
  }
}

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
    return fail(
        ErrorKind::kInvalidArgument,
        fmt::format("{} is shorter than what was written ({} of {} bytes)", output_path,
                    output_size, output.bytes),
        fmt::format("it was changed by somebody else: weir job results {0} > {0} writes it again",
                    output_path));
  WEIR_CHECK(log->output_->truncate(output.bytes));
  log->output_mark_ = output;
  return log;
}

Result<void> ResultLog::recover(const std::function<bool(const Record&)>& keep) {
  WEIR_CHECK(
      visit_slots(*slots_, items_, [&](std::uint64_t item, const Slot& slot) -> Result<void> {
        if (slot.within(segment_bytes_)) return {};
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
  return read_frame_bytes(*segment_, offset, length);
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

Result<void> ResultLog::reopen(std::uint64_t item) {
  WEIR_ASSERT(item < items_);
  WEIR_TRY(const auto old, read_slot(*slots_, item));
  if (old.end == 0) return {};
  dirty_ = true;
  return write_slot(*slots_, item, Slot{});
}

Result<void> ResultLog::visit_unsuccessful(
    const std::function<Result<void>(const Record&)>& visit) {
  return visit_slots(*slots_, items_, [&](std::uint64_t item, const Slot& slot) -> Result<void> {
    if (slot.end == static_cast<std::uint32_t>(ItemEnd::kSucceeded)) return {};
    WEIR_TRY(const auto frame, read_frame(slot.offset, slot.length));
    const auto record = decode_frame(frame);
    if (!record || record->item != item) return damaged_record(item);
    return visit(*record);
  });
}

Result<void> ResultLog::write_output_to(FileSystem& files, const std::string& path) {
  WEIR_TRY(output_, files.open(path));
  WEIR_CHECK(output_->truncate(0));
  output_mark_ = {};
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
