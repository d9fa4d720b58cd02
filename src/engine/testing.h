#pragma once
// For tests of the engine only: a store, files and a journal in memory, which outlive an engine as a disk does; a provider with a
// wire format of its own, in words; and a bench that plays scripts of events.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/job_engine.h"
#include "provider/http_error.h"

namespace weir::engine::testing {

class MemoryFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    return std::make_unique<Open>(*this, path, bytes_[path]);
  }
  Result<void> remove(const std::string& path) override {
    bytes_.erase(path);
    return {};
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (!bytes_.contains(from)) return fail(ErrorKind::kNotFound, "there is no " + from);
    bytes_[to] = bytes_[from];
    bytes_.erase(from);
    return {};
  }
  [[nodiscard]] bool has(const std::string& path) const { return bytes_.contains(path); }
  std::string& bytes(const std::string& path) { return *bytes_[path].text; }
  bool full = false;  // writes fail

 private:
  struct Bytes {
    std::shared_ptr<std::string> text = std::make_shared<std::string>();
  };
  class Open final : public File {
   public:
    Open(MemoryFiles& files, std::string path, const Bytes& bytes)
        : files_(files), path_(std::move(path)), text_(bytes.text) {}
    Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override {
      const auto from = std::min<std::size_t>(offset, text_->size());
      const auto count = std::min(out.size(), text_->size() - from);
      std::copy_n(text_->data() + from, count, out.data());
      return count;
    }
    Result<void> write(std::uint64_t offset, std::string_view bytes) override {
      if (files_.full)
        return fail(ErrorKind::kUnavailable, "cannot write " + path_ + ": no space left");
      if (text_->size() < offset + bytes.size()) text_->resize(offset + bytes.size());
      text_->replace(offset, bytes.size(), bytes);
      return {};
    }
    Result<std::uint64_t> size() override { return text_->size(); }
    Result<void> truncate(std::uint64_t size) override {
      text_->resize(size);
      return {};
    }
    Result<void> sync() override { return {}; }

   private:
    MemoryFiles& files_;
    std::string path_;
    std::shared_ptr<std::string> text_;
  };
  std::map<std::string, Bytes> bytes_;
};

class MemoryStore final : public Store {
 public:
  Result<std::vector<LoadedAggregate>> load() override {
    std::vector<LoadedAggregate> out;
    for (const auto& [key, value] : aggregates)
      out.push_back({key.first, key.second, value.first, value.second});
    return out;
  }
  Result<std::vector<ItemRow>> load_items() override {
    std::vector<ItemRow> out;
    for (const auto& [item, row] : items) out.push_back(row);
    return out;
  }
  Result<void> visit_ledger(const std::function<bool(const cost::LedgerEntry&)>& visit) override {
    for (const auto& [key, entry] : ledger)
      if (!visit(entry)) break;
    return {};
  }
  Result<void> commit(const Commit& commit) override {
    if (broken) return fail(ErrorKind::kUnavailable, "the disk is full");
    for (const auto& change : commit.aggregates) {
      auto& [version, state] = aggregates[{change.kind, change.number}];
      if (version != change.version_before)
        return fail(ErrorKind::kCancelled, "another process changed the job");
      ++version;
      state = change.state;
    }
    for (const auto& entry : commit.ledger)
      ledger.emplace(std::pair(entry.batch, entry.sequence), entry);
    for (const auto& key : commit.ledger_repeats)
      if (const auto found = ledger.find(key); found != ledger.end())
        found->second.answered = false;
    for (const auto item : commit.items_ended) items.erase(item);
    for (const auto& row : commit.items) items[row.item] = row;
    names.push_back(commit.name);
    return {};
  }
  [[nodiscard]] JobState job() const {
    return JobState::decode(aggregates.at({AggregateKind::kJob, 0}).second).value();
  }
  [[nodiscard]] BatchState batch(std::uint64_t number) const {
    return BatchState::decode(aggregates.at({AggregateKind::kBatch, number}).second).value();
  }

  std::map<std::pair<AggregateKind, std::uint64_t>, std::pair<std::uint64_t, std::string>>
      aggregates;
  std::map<std::uint64_t, ItemRow> items;
  std::map<std::pair<std::uint64_t, std::uint64_t>, cost::LedgerEntry> ledger;
  std::vector<std::string> names;
  bool broken = false;
};

class MemoryJournal final : public UsageJournal {
 public:
  explicit MemoryJournal(std::size_t slots) : slots_(slots) {}
  Result<std::uint32_t> intent(std::uint64_t sequence, const AttemptId& attempt, std::uint64_t item,
                               Money ceiling, Time now) override {
    for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot]) continue;
      slots_[slot] = JournalEntry{.slot = slot,
                                  .sequence = sequence,
                                  .attempt = attempt,
                                  .item = item,
                                  .ceiling = ceiling,
                                  .sent_at = now};
      return slot;
    }
    return fail(ErrorKind::kUnavailable, "the usage journal is full");
  }
  void outcome(std::uint32_t slot, JournalEntry::Outcome outcome, Time priced_at,
               const llm::Usage& usage) override {
    auto& entry = slots_.at(slot).value();
    entry.outcome = outcome;
    entry.priced_at = priced_at;
    entry.usage = usage;
  }
  void release(std::uint32_t slot) override {
    EXPECT_TRUE(slots_.at(slot).has_value()) << "slot " << slot << " was settled twice";
    slots_[slot].reset();
  }
  std::vector<JournalEntry> entries() const override {
    std::vector<JournalEntry> out;
    for (const auto& slot : slots_)
      if (slot) out.push_back(*slot);
    return out;
  }
  [[nodiscard]] std::size_t free_slots() const override {
    return static_cast<std::size_t>(std::count(slots_.begin(), slots_.end(), std::nullopt));
  }

 private:
  std::vector<std::optional<JournalEntry>> slots_;
};

/// A provider in words. Sync answers: "<input> <output> <text>". Rows: "<custom_id> ok <input> <cache read> <output>",
/// "… error <kind>", "… expired", "… unreadable <input>". A batch: create, wait, poll ("running", "running <done>", "ended"),
/// collect, delete; a create in doubt is listed ("found", "none"). A create answered 400 is refused (with "line N" for that line),
/// 403 held, 503 sent again after ten seconds.
class WordAdapter final : public provider::Adapter {
 public:
  [[nodiscard]] std::string_view name() const override { return "word"; }
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override;
  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override;
  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return nullptr;
  }
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials&,
                                               std::string_view) const override {
    return {};
  }
  [[nodiscard]] provider::ImageFormat image_format() const override { return {"[", ",", "]"}; }
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override;
  [[nodiscard]] Result<provider::Step> next(std::string_view state,
                                            const provider::BatchEvent& event,
                                            const provider::BatchContext& context) const override;
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view artefact, std::string_view line,
                                                 Time now) const override;
  [[nodiscard]] const provider::CachedContentCodec* cached_contents() const override {
    return contents;
  }
  const provider::CachedContentCodec* contents = nullptr;
  std::string rows_member;  // not empty: results are pages, the last one of which says no "more"
  bool avro = false;        // results are an Avro file
};

/// Items "text 0", "text 1", …; some are rejected. Texts grow to `bytes`.
class Words final : public ItemSource {
 public:
  [[nodiscard]] std::uint64_t count() const override { return items; }
  Result<Item> item(std::uint64_t index) override;
  Result<CheckedText> check(std::uint64_t index, const llm::Response& response) override;
  Result<std::optional<std::uint64_t>> same_as(std::uint64_t index) override {
    const auto found = same.find(index);
    return found == same.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] bool has_same() const override { return !same.empty(); }
  std::uint64_t items = 3;
  std::set<std::uint64_t> rejected;
  std::map<std::uint64_t, std::uint64_t> same;  // item -> the earlier one
  std::size_t bytes = 0;
  std::size_t prefix_bytes = 0;  // of the part that all share, at least
};

/// Everything that outlives an engine, and the engine itself. Prices are 1 pico-dollar a token of input and 10 of output.
class Bench {
 public:
  Bench();
  /// A new process on what the last one left; the engine before is dropped as it stands.
  void open();
  Result<void> try_open();
  /// A turn that must not fail; new calls go to `calls`, by operation.
  Turn turn();
  Turn turn_after(Duration duration) {
    now += duration;
    return turn();
  }
  /// The oldest unanswered call of this operation, taken out. Fails the test where there is none.
  std::uint64_t take(std::string_view operation);
  [[nodiscard]] std::size_t waiting(std::string_view operation) const;
  void answer(std::string_view operation, int status, std::string body = "",
              http::Headers headers = {});
  void lose(std::string_view operation, ErrorKind kind);
  void rows(const std::string& text);  // the whole artefact
  /// From a fresh engine to a batch whose rows can be collected.
  void run_batch_to_collect();
  [[nodiscard]] std::string row_id(std::uint64_t sequence, std::uint64_t batch = 1) const {
    return custom_id(store.batch(batch).id, sequence);
  }
  [[nodiscard]] std::vector<std::string> output();
  [[nodiscard]] std::vector<cost::LedgerEntry> ledger() const;

  JobOptions options;
  WordAdapter adapter;
  catalogue::Provider provider;
  provider::Credentials credentials;
  Words source;
  MemoryStore store;
  MemoryFiles files;
  MemoryJournal journal{64};
  SeededRandom random{7};
  Time now = from_unix_seconds(1'795'000'000);
  Account* account = nullptr;  // null: one of the engine's own
  const plan::PrefixStats* known_hits = nullptr;
  plan::PrefixStats* new_hits = nullptr;
  std::unique_ptr<JobEngine> engine;
  std::vector<Call> calls;
};

}  // namespace weir::engine::testing
