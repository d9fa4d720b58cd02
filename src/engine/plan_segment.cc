#include "engine/plan_segment.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::engine {
namespace {

constexpr std::uint64_t kEntryBytes = 16;
constexpr std::uint64_t kPageEntries = 256;        // read at once
constexpr std::size_t kPendingBytesMax = 1 << 16;  // written at once

constexpr std::uint64_t kMarkBits = 16, kMarkMask = 0xFFFF;

void put(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift);
}

std::uint64_t get(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

PlanEntry entry_of(std::string_view bytes) {
  const auto item = get(bytes);
  return {.item = static_cast<std::uint32_t>(item),
          .waits_for = static_cast<std::uint32_t>(item >> 32),
          .marks = PackedMarks::from_bits(get(bytes.substr(8)))};
}

}  // namespace

PackedMarks PackedMarks::of(const plan::Marks& marks) {
  std::uint64_t bits = 0;
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < marks.count; ++i)
    if (marks.block[i] + 1 < kMarkMask)
      bits |= std::uint64_t{marks.block[i] + 1} << (kMarkBits * count++);
  if (bits == 0) return none();
  return PackedMarks(bits == 1 ? 0 : bits);  // the first block alone has one form only
}

std::vector<std::uint32_t> PackedMarks::places() const {
  if (bits_ == 0) return {0};
  std::vector<std::uint32_t> out;
  if (bits_ == kNone) return out;
  for (auto bits = bits_; bits != 0; bits >>= kMarkBits)
    out.push_back(static_cast<std::uint32_t>(bits & kMarkMask) - 1);
  return out;
}

Result<std::unique_ptr<PlanSegment>> PlanSegment::open(FileSystem& files, const std::string& folder,
                                                       std::uint64_t committed) {
  std::unique_ptr<PlanSegment> segment(new PlanSegment(files, folder + "/plan.segment", committed));
  if (committed == 0) return segment;
  WEIR_CHECK(segment->open_file());
  WEIR_TRY(const auto size, segment->file_->size());
  if (size < committed * kEntryBytes)
    return fail(ErrorKind::kInternal,
                fmt::format("{} has {} bytes, {} were written", segment->path_, size,
                            committed * kEntryBytes),
                "restore the store's folder, or begin again with --restart");
  return segment;
}

Result<void> PlanSegment::open_file() {
  if (file_) return {};
  WEIR_TRY(file_, files_.open(path_));
  return {};
}

Result<void> PlanSegment::append(PlanEntry entry) {
  put(pending_, entry.item | std::uint64_t{entry.waits_for} << 32);
  put(pending_, entry.marks.bits());
  ++entries_;
  dirty_ = true;
  return pending_.size() < kPendingBytesMax ? Result<void>() : flush();
}

Result<void> PlanSegment::restart() {
  entries_ = written_ = 0;
  pending_.clear();
  page_.clear();
  return {};
}

Result<void> PlanSegment::flush() {
  if (pending_.empty()) return {};
  WEIR_CHECK(open_file());
  WEIR_CHECK(file_->write(written_ * kEntryBytes, pending_));
  written_ = entries_;
  pending_.clear();
  page_.clear();  // it may have ended in front of these
  return {};
}

Result<void> PlanSegment::sync() {
  if (!dirty_) return {};
  WEIR_CHECK(flush());
  WEIR_CHECK(file_->sync());
  dirty_ = false;
  return {};
}

Result<PlanEntry> PlanSegment::at(std::uint64_t place) {
  WEIR_ASSERT(place < entries_);
  if (place >= written_) {
    const std::string_view entry =
        std::string_view(pending_).substr((place - written_) * kEntryBytes);
    return entry_of(entry);
  }
  const auto cached = page_.size() / kEntryBytes;
  if (place < page_first_ || place >= page_first_ + cached) {
    page_first_ = place / kPageEntries * kPageEntries;
    page_.resize(std::min(kPageEntries, written_ - page_first_) * kEntryBytes);
    WEIR_TRY(const auto got, file_->read(page_first_ * kEntryBytes, page_));
    if (got != page_.size()) {
      page_.clear();
      return fail(ErrorKind::kInternal, fmt::format("{} was cut", path_),
                  "restore the store's folder, or begin again with --restart");
    }
  }
  const std::string_view entry =
      std::string_view(page_).substr((place - page_first_) * kEntryBytes);
  return entry_of(entry);
}

Result<PlanEntry> PlanSegment::member(const MemberRange& range, std::uint64_t sequence) {
  WEIR_ASSERT(sequence < range.count);
  if (!range.planned) return PlanEntry{.item = static_cast<std::uint32_t>(range.first + sequence)};
  return at(range.first + sequence);
}

}  // namespace weir::engine
