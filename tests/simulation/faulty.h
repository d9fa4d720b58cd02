#pragma once
// Between the engine and its shipped store and journal: a process that died inside them (SQLite lets no exception through) is
// unwound here, and operations on mapped memory count as crash points.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "death.h"
#include "engine/journal.h"
#include "engine/store.h"

namespace weir::simulation {

class FaultyStore final : public engine::Store {
 public:
  /// `begun` counts commits by name.
  FaultyStore(engine::Store& inner, CrashPoint& crash, std::map<std::string, std::uint64_t>& begun)
      : inner_(inner), crash_(crash), begun_(begun) {}
  Result<std::vector<engine::LoadedAggregate>> load() override { return living(inner_.load()); }
  Result<std::vector<engine::ItemRow>> load_items() override { return living(inner_.load_items()); }
  Result<void> visit_ledger(const std::function<bool(const cost::LedgerEntry&)>& visit) override {
    return living(inner_.visit_ledger(visit));
  }
  Result<void> commit(const engine::Commit& commit) override {
    ++begun_[commit.name];
    auto done = living(inner_.commit(commit));
    if (done) ++commits_;
    return done;
  }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }

 private:
  template <class T>
  Result<T> living(Result<T> result) {
    crash_.check();
    return result;
  }
  engine::Store& inner_;
  CrashPoint& crash_;
  std::map<std::string, std::uint64_t>& begun_;
  std::uint64_t commits_ = 0;
};

class FaultyJournal final : public engine::UsageJournal {
 public:
  using OnIntent = std::function<void(const AttemptId&)>;
  FaultyJournal(engine::UsageJournal& inner, CrashPoint& crash, OnIntent on_intent)
      : inner_(inner), crash_(crash), on_intent_(std::move(on_intent)) {}
  Result<std::uint32_t> intent(std::uint64_t sequence, const AttemptId& attempt, std::uint64_t item,
                               Money ceiling, Time now) override {
    crash_.pass_or_die();
    auto slot = inner_.intent(sequence, attempt, item, ceiling, now);
    if (slot) on_intent_(attempt);
    return slot;
  }
  void outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome, Time priced_at,
               const llm::Usage& usage) override {
    crash_.pass_or_die();
    inner_.outcome(slot, outcome, priced_at, usage);
  }
  void release(std::uint32_t slot) override {
    crash_.pass_or_die();
    inner_.release(slot);
  }
  std::vector<engine::JournalEntry> entries() const override { return inner_.entries(); }
  [[nodiscard]] std::size_t free_slots() const override { return inner_.free_slots(); }

 private:
  engine::UsageJournal& inner_;
  CrashPoint& crash_;
  OnIntent on_intent_;
};

}  // namespace weir::simulation
