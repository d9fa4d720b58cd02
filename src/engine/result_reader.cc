#include "engine/result_reader.h"

#include <fmt/format.h>

#include "engine/result_frame.h"

namespace weir::engine {
namespace {

void find(ResultReader::Findings& findings, std::string text) {
  if (findings.wrong.size() < ResultReader::kFindingsMax) findings.wrong.push_back(std::move(text));
}

}  // namespace

Result<std::unique_ptr<ResultReader>> ResultReader::open(FileSystem& files,
                                                         const std::string& folder,
                                                         std::uint64_t items,
                                                         std::uint64_t segment_bytes) {
  std::unique_ptr<ResultReader> reader(new ResultReader);
  reader->items_ = items;
  reader->segment_bytes_ = segment_bytes;
  auto segment = files.open(folder + "/results.segment");
  auto slots = files.open(folder + "/results.slots");
  for (const auto* file : {&segment, &slots})
    if (!*file && (file->error().kind != ErrorKind::kNotFound || segment_bytes > 0))
      return std::unexpected(file->error());
  if (segment && slots) {
    reader->segment_ = std::move(*segment);
    reader->slots_ = std::move(*slots);
  }
  return reader;
}

Result<std::optional<ResultLog::Record>> ResultReader::record(std::uint64_t item) {
  if (!slots_ || item >= items_) return std::nullopt;
  // The owner may write this slot just now: what does not fit is looked at a second time.
  for (int look = 0; look < 2; ++look) {
    WEIR_TRY(const auto slot, read_slot(*slots_, item));
    if (!slot.within(segment_bytes_)) return std::nullopt;
    const auto frame = read_frame_bytes(*segment_, slot.offset, slot.length);
    auto record = frame ? decode_frame(*frame) : std::nullopt;
    if (record && record->item == item) return record;
  }
  return damaged_record(item);
}

Result<void> ResultReader::visit(
    const std::function<Result<bool>(const ResultLog::Record&)>& visit) {
  for (std::uint64_t item = 0; item < items_; ++item) {
    WEIR_TRY(const auto found, record(item));
    if (!found) continue;
    WEIR_TRY(const bool more, visit(*found));
    if (!more) break;
  }
  return {};
}

Result<ResultCounts> ResultReader::count() {
  ResultCounts counts;
  if (!slots_) return counts;
  WEIR_CHECK(visit_slots(*slots_, items_, [&](std::uint64_t, const Slot& slot) -> Result<void> {
    if (slot.within(segment_bytes_)) counts.add(static_cast<ItemEnd>(slot.end));
    return {};
  }));
  return counts;
}

Result<ResultReader::Findings> ResultReader::check() {
  Findings findings;
  if (!slots_) return findings;
  WEIR_CHECK(check_segment(findings));
  WEIR_CHECK(check_slots(findings));
  return findings;
}

Result<void> ResultReader::check_segment(Findings& findings) {
  WEIR_TRY(const auto size, segment_->size());
  if (size < segment_bytes_) {
    find(findings,
         fmt::format("results.segment has {} bytes, {} were committed", size, segment_bytes_));
    return {};
  }
  for (std::uint64_t at = 0; at < segment_bytes_;) {
    std::string head(sizeof(FrameHeader), '\0');
    WEIR_TRY(const auto got, segment_->read(at, head));
    const auto header = got == head.size() ? header_of(head) : std::nullopt;
    if (!header || header->frame_bytes() > segment_bytes_ - at) {
      find(findings, fmt::format("results.segment: no record begins at byte {}, where one should; "
                                 "what follows was not looked at",
                                 at));
      return {};
    }
    const auto length = static_cast<std::uint32_t>(header->frame_bytes());
    WEIR_TRY(const auto frame, read_frame_bytes(*segment_, at, length));
    if (!decode_frame(frame))
      find(findings, fmt::format("results.segment: the record of item {} at byte {} is damaged",
                                 header->item, at));
    else if (header->item >= items_)
      find(findings, fmt::format("results.segment: the record at byte {} is of item {}, there are "
                                 "{} items",
                                 at, header->item, items_));
    ++findings.frames;
    at += length;
  }
  return {};
}

Result<void> ResultReader::check_slots(Findings& findings) {
  return visit_slots(*slots_, items_, [&](std::uint64_t item, const Slot& slot) -> Result<void> {
    if (slot.end > 3) {
      find(findings, fmt::format("results.slots: the slot of item {} is damaged", item));
      return {};
    }
    if (!slot.within(segment_bytes_)) return {};  // not committed: the next owner clears it
    std::string head(sizeof(FrameHeader), '\0');
    WEIR_TRY(const auto got, segment_->read(slot.offset, head));
    const auto header = got == head.size() ? header_of(head) : std::nullopt;
    if (!header || header->item != item || header->frame_bytes() != slot.length ||
        header->end != slot.end)
      find(findings,
           fmt::format("results.slots: item {} points to byte {}, where its record is not", item,
                       slot.offset));
    ++findings.slots;
    findings.counts.add(static_cast<ItemEnd>(slot.end));
    return {};
  });
}

}  // namespace weir::engine
