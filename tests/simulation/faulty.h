#pragma once
// Wrappers that let a process die, or its disk fail, at any operation on what is durable. A death is an exception that no
// code of ours catches: whatever stands in memory goes with the engine. What was handed to the operating system stays, as
// after kill -9. (Power loss needs a File that knows written from synced bytes: it takes the place of PosixFiles here.)
#include <cstdint>
#include <memory>
#include <string>

#include "base/random.h"
#include "engine/file.h"
#include "engine/journal.h"
#include "engine/store.h"

namespace weir::simulation {

struct Crash {};

/// Counts operations; at the drawn one it throws, or makes the operation fail. Shared by all wrappers of a process.
class CrashPoint {
 public:
  explicit CrashPoint(Random& random) : random_(random) {}
  void disarm() { left_ = left_to_failure_ = kNever; }
  void arm(std::uint64_t operations) { left_ = operations; }
  void fail_at(std::uint64_t operations) { left_to_failure_ = operations; }
  /// Before or after an operation.
  void pass() {
    if (left_ != kNever && left_-- == 0) {
      left_ = kNever;
      throw Crash{};
    }
  }
  /// Whether this operation fails (disk full).
  bool fails() { return left_to_failure_ != kNever && left_to_failure_-- == 0; }
  /// Whether a crash is due now: the operation may do a part of its work first.
  [[nodiscard]] bool due() const { return left_ == 0; }
  Random& random() { return random_; }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  Random& random_;
  std::uint64_t left_ = kNever, left_to_failure_ = kNever;
};

class FaultyStore final : public engine::Store {
 public:
  FaultyStore(engine::Store& inner, CrashPoint& crash) : inner_(inner), crash_(crash) {}
  Result<std::vector<engine::LoadedAggregate>> load() override { return inner_.load(); }
  Result<std::vector<engine::ItemRow>> load_items() override { return inner_.load_items(); }
  Result<void> visit_ledger(const std::function<bool(const cost::LedgerEntry&)>& visit) override {
    return inner_.visit_ledger(visit);
  }
  Result<void> commit(const engine::Commit& commit) override;

 private:
  engine::Store& inner_;
  CrashPoint& crash_;
};

class FaultyFiles final : public engine::FileSystem {
 public:
  FaultyFiles(engine::FileSystem& inner, CrashPoint& crash) : inner_(inner), crash_(crash) {}
  Result<std::unique_ptr<engine::File>> open(const std::string& path) override;
  Result<void> remove(const std::string& path) override;

 private:
  engine::FileSystem& inner_;
  CrashPoint& crash_;
};

class FaultyJournal final : public engine::UsageJournal {
 public:
  FaultyJournal(engine::UsageJournal& inner, CrashPoint& crash) : inner_(inner), crash_(crash) {}
  Result<std::uint32_t> intent(std::uint64_t sequence, const AttemptId& attempt, std::uint64_t item,
                               Money ceiling, Time now) override;
  void outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome, Time priced_at,
               const llm::Usage& usage) override;
  void release(std::uint32_t slot) override;
  std::vector<engine::JournalEntry> entries() const override { return inner_.entries(); }
  [[nodiscard]] std::size_t free_slots() const override { return inner_.free_slots(); }

 private:
  engine::UsageJournal& inner_;
  CrashPoint& crash_;
};

}  // namespace weir::simulation
