#pragma once
// The usage journal as a mapped file of fixed slots: a store to memory survives the death of the process at once; sync(), called every
// 100 ms, makes it survive power loss.
#include <memory>
#include <string>
#include <vector>

#include "engine/journal.h"

namespace weir::runtime {

class MappedJournal final : public engine::UsageJournal {
 public:
  /// Opens or creates the file; what an earlier process left is in entries(). @error kUnavailable, kInternal a foreign file.
  static Result<std::unique_ptr<MappedJournal>> open(const std::string& path, std::uint32_t slots);
  ~MappedJournal() override;

  Result<std::uint32_t> intent(std::uint64_t sequence, const AttemptId& attempt, std::uint64_t item,
                               Money ceiling, Time now) override;
  void outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome, Time priced_at,
               const llm::Usage& usage) override;
  void release(std::uint32_t slot) override;
  std::vector<engine::JournalEntry> entries() const override;
  [[nodiscard]] std::size_t free_slots() const override { return free_.size(); }
  /// Hands dirty pages to the disk and waits for them. @error kUnavailable the disk did not take them.
  Result<void> sync();

 private:
  struct Slot;
  MappedJournal() = default;
  char* map_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint32_t slots_ = 0;
  std::vector<std::uint32_t> free_;
  bool dirty_ = false;
  [[nodiscard]] Slot* at(std::uint32_t slot) const;
};

}  // namespace weir::runtime
