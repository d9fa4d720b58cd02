#pragma once
// The plan segment: which item stands at which place of the job's order, 16 bytes an entry, append-only. A batch's membership is
// a range of it, so a batch of 50,000 items costs its aggregate two numbers. Committed length is the job's; not thread-safe.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/file.h"
#include "plan/prefix_plan.h"

namespace weir::engine {

/// Where an item's cache marks stand, in 64 bits: up to four blocks of its request, as plan::RequestBlocks counts them.
class PackedMarks {
 public:
  /// At the end of the first block: what a job without an order of its own marks.
  constexpr PackedMarks() = default;
  static PackedMarks none() { return PackedMarks(kNone); }
  /// Marks beyond block 65,533 are left out.
  static PackedMarks of(const plan::Marks& marks);
  static PackedMarks from_bits(std::uint64_t bits) { return PackedMarks(bits); }
  [[nodiscard]] std::uint64_t bits() const { return bits_; }
  [[nodiscard]] std::vector<std::uint32_t> places() const;
  friend bool operator==(const PackedMarks&, const PackedMarks&) = default;

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  constexpr explicit PackedMarks(std::uint64_t bits) : bits_(bits) {}
  std::uint64_t bits_ = 0;
};

struct PlanEntry {
  static constexpr std::uint32_t kNobody = plan::Placement::kNobody;
  std::uint32_t item = 0;
  std::uint32_t waits_for = kNobody;  // the item whose answer writes the prefix that this one reads
  PackedMarks marks;
  friend bool operator==(const PlanEntry&, const PlanEntry&) = default;
};

/// A run of places. Not planned: place p is item p, in input order, and costs no entry.
struct MemberRange {
  bool planned = false;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  friend bool operator==(const MemberRange&, const MemberRange&) = default;
};

class PlanSegment {
 public:
  /// Entries beyond `committed` are another process's, which died before its commit: they are overwritten. The file is made by the
  /// first append. @error kInternal it has fewer entries than were committed.
  static Result<std::unique_ptr<PlanSegment>> open(FileSystem& files, const std::string& folder,
                                                   std::uint64_t committed);
  Result<void> append(PlanEntry entry);
  /// Forgets every entry: nothing may refer to one.
  Result<void> restart();
  /// Makes every entry durable: call before the commit that names entries().
  Result<void> sync();
  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  /// The entry at a place below entries(). Sequential reads cost one read of the file a page.
  Result<PlanEntry> at(std::uint64_t place);
  /// The entry at `sequence` of a range.
  Result<PlanEntry> member(const MemberRange& range, std::uint64_t sequence);

 private:
  PlanSegment(FileSystem& files, std::string path, std::uint64_t committed)
      : files_(files), path_(std::move(path)), entries_(committed), written_(committed) {}
  Result<void> flush();
  Result<void> open_file();

  FileSystem& files_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t entries_ = 0, written_ = 0;
  std::string pending_;  // entries written_…entries_
  bool dirty_ = false;
  std::string page_;  // of entries page_first_…
  std::uint64_t page_first_ = 0;
};

}  // namespace weir::engine
