#pragma once
// The usage journal as a mapped file of fixed slots: a store to memory survives the death of the process at once; sync(), called every
// 100 ms, makes it survive power loss. What a power loss may do to a slot since the last sync: keep it, lose it, or mix sectors of
// both; each half of a slot has its CRC for that.
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/journal.h"

namespace weir::runtime {

/// Memory that outlives the process: a mapped file, or what a test puts in its place.
class JournalMemory {
 public:
  virtual ~JournalMemory() = default;
  /// The same bytes as long as the object lives; 0 where nothing was written yet.
  virtual std::span<char> bytes() = 0;
  /// Hands what was stored to the disk and waits for it. @error kUnavailable the disk did not take it.
  virtual Result<void> sync() = 0;
};

class MappedJournal final : public engine::UsageJournal {
 public:
  /// Opens or creates the file; what an earlier process left is in entries(). An empty journal is durable, name and all, when it
  /// returns. @error kUnavailable, kInternal a foreign file.
  static Result<std::unique_ptr<MappedJournal>> open(const std::string& path, std::uint32_t slots);
  /// On bytes_for(slots) bytes or more; `name` is for messages. @error as above.
  static Result<std::unique_ptr<MappedJournal>> open(std::unique_ptr<JournalMemory> memory,
                                                     const std::string& name);
  static std::size_t bytes_for(std::uint32_t slots);

  Result<std::uint32_t> intent(std::uint64_t sequence, const AttemptId& attempt, std::uint64_t item,
                               Money ceiling, Time now) override;
  void outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome, Time priced_at,
               const llm::Usage& usage) override;
  void release(std::uint32_t slot) override;
  std::vector<engine::JournalEntry> entries() const override;
  [[nodiscard]] std::size_t free_slots() const override { return free_.size(); }
  /// Hands dirty pages to the disk and waits for them. @error kUnavailable the disk did not take them.
  Result<void> sync();
  /// The same in two halves, for an owner that does not wait for disks: what to remember on its own thread, and the waiting on any
  /// other, beside whatever the owner does meanwhile. @return whether anything was stored since it was last asked.
  bool take_dirty() { return std::exchange(dirty_, false); }
  Result<void> write_out() { return memory_->sync(); }

 private:
  struct Slot;
  explicit MappedJournal(std::unique_ptr<JournalMemory> memory) : memory_(std::move(memory)) {}
  std::unique_ptr<JournalMemory> memory_;
  std::uint32_t slots_ = 0;
  std::vector<std::uint32_t> free_;
  bool dirty_ = false;
  [[nodiscard]] Slot* at(std::uint32_t slot) const;
};

}  // namespace weir::runtime
