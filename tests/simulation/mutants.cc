#include "mutants.h"

#include <optional>
#include <utility>

#include "engine/state.h"

namespace weir::simulation {
namespace {

using cost::LedgerEntry;
using provider::BatchEvent;

// --- Wrappers that do nothing: each mutant changes one thing

class SameStore : public engine::Store {
 public:
  engine::Store* inner = nullptr;
  Result<std::vector<engine::LoadedAggregate>> load() override { return inner->load(); }
  Result<std::vector<engine::ItemRow>> load_items() override { return inner->load_items(); }
  Result<void> visit_ledger(const std::function<bool(const LedgerEntry&)>& visit) override {
    return inner->visit_ledger(visit);
  }
  Result<void> commit(const engine::Commit& commit) override { return inner->commit(commit); }
};

class SameJournal : public engine::UsageJournal {
 public:
  engine::UsageJournal* inner = nullptr;
  Result<std::uint32_t> intent(std::uint64_t sequence, const AttemptId& attempt, std::uint64_t item,
                               Money ceiling, Time now) override {
    return inner->intent(sequence, attempt, item, ceiling, now);
  }
  void outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome, Time priced_at,
               const llm::Usage& usage) override {
    inner->outcome(slot, outcome, priced_at, usage);
  }
  void release(std::uint32_t slot) override { inner->release(slot); }
  std::vector<engine::JournalEntry> entries() const override { return inner->entries(); }
  [[nodiscard]] std::size_t free_slots() const override { return inner->free_slots(); }
};

class SameAdapter : public provider::Adapter {
 public:
  const provider::Adapter* inner = nullptr;
  [[nodiscard]] std::string_view name() const override { return inner->name(); }
  [[nodiscard]] Result<http::RequestPlan> encode_sync(
      const llm::Request& request, const provider::SyncCall& call) const override {
    return inner->encode_sync(request, call);
  }
  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    return inner->decode_sync(response, now);
  }
  [[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder() const override {
    return inner->stream_decoder();
  }
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    return inner->rate_limits(headers, now);
  }
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view model) const override {
    return inner->encode_probe(credentials, model);
  }
  [[nodiscard]] provider::ImageFormat image_format() const override {
    return inner->image_format();
  }
  [[nodiscard]] Result<void> encode_item(std::string_view custom_id, const llm::Request& request,
                                         std::string& out) const override {
    return inner->encode_item(custom_id, request, out);
  }
  [[nodiscard]] Result<provider::Step> next(std::string_view state, const BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return inner->next(state, event, context);
  }
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view artefact, std::string_view line,
                                                 Time now) const override {
    return inner->decode_row(artefact, line, now);
  }
};

class SameFile : public engine::File {
 public:
  explicit SameFile(std::unique_ptr<engine::File> file) : inner(std::move(file)) {}
  std::unique_ptr<engine::File> inner;
  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override {
    return inner->read(offset, out);
  }
  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    return inner->write(offset, bytes);
  }
  Result<std::uint64_t> size() override { return inner->size(); }
  Result<void> truncate(std::uint64_t size) override { return inner->truncate(size); }
  Result<void> sync() override { return inner->sync(); }
};

template <class Wrapper>
class StoreMutation final : public Mutation {
 public:
  engine::Store& store(engine::Store& sound) override {
    wrapper_.inner = &sound;
    return wrapper_;
  }

 private:
  Wrapper wrapper_;
};
template <class Wrapper>
class JournalMutation final : public Mutation {
 public:
  engine::UsageJournal& journal(engine::UsageJournal& sound) override {
    wrapper_.inner = &sound;
    return wrapper_;
  }

 private:
  Wrapper wrapper_;
};
template <class Wrapper>
class AdapterMutation final : public Mutation {
 public:
  const provider::Adapter& adapter(const provider::Adapter& sound) override {
    wrapper_.inner = &sound;
    return wrapper_;
  }

 private:
  Wrapper wrapper_;
};

// --- The store

// Group commit gone wrong: the calls leave before the commit that they depend on.
struct CommitsLate final : SameStore {
  std::optional<engine::Commit> waiting;
  Result<void> commit(const engine::Commit& commit) override {
    if (waiting) WEIR_CHECK(inner->commit(*waiting));
    waiting = commit;
    if (commit.name != "end" && commit.name != "done") return {};
    waiting.reset();
    return inner->commit(commit);
  }
};
struct ForgetsUnknown final : SameStore {
  Result<void> commit(const engine::Commit& commit) override {
    auto changed = commit;
    std::erase_if(changed.ledger, [](const LedgerEntry& entry) {
      return entry.outcome == LedgerEntry::Outcome::kUnknown;
    });
    return inner->commit(changed);
  }
};
struct ForgetsItemRows final : SameStore {
  Result<void> commit(const engine::Commit& commit) override {
    auto changed = commit;
    changed.items.clear();
    return inner->commit(changed);
  }
};
struct CountsReplayedTwice final : SameStore {
  Result<void> visit_ledger(const std::function<bool(const LedgerEntry&)>& visit) override {
    return inner->visit_ledger([&](const LedgerEntry& entry) {
      return visit(entry) && (entry.batch == 0 || visit(entry));
    });
  }
};
struct ForgetsSyncLedger final : SameStore {
  Result<void> visit_ledger(const std::function<bool(const LedgerEntry&)>& visit) override {
    return inner->visit_ledger(
        [&](const LedgerEntry& entry) { return entry.batch == 0 || visit(entry); });
  }
};
struct KeepsUndoneAnswers final : SameStore {
  Result<void> commit(const engine::Commit& commit) override {
    auto changed = commit;
    changed.ledger_repeats.clear();
    return inner->commit(changed);
  }
};
// As if the new output were written over the old one's end.
struct ForgetsTheNewOutput final : SameStore {
  Result<std::vector<engine::LoadedAggregate>> load() override {
    WEIR_TRY(auto loaded, inner->load());
    for (auto& aggregate : loaded) {
      if (aggregate.kind != engine::AggregateKind::kJob) continue;
      WEIR_TRY(auto job, engine::JobState::decode(aggregate.state));
      job.rebuilding = false;
      aggregate.state = job.encode();
    }
    return loaded;
  }
};
struct LosesWatermark final : SameStore {
  Result<std::vector<engine::LoadedAggregate>> load() override {
    WEIR_TRY(auto loaded, inner->load());
    for (auto& aggregate : loaded) {
      if (aggregate.kind != engine::AggregateKind::kJob) continue;
      WEIR_TRY(auto job, engine::JobState::decode(aggregate.state));
      job.output.items = 0;
      aggregate.state = job.encode();
    }
    return loaded;
  }
};
struct LosesRunningBatch final : SameStore {
  Result<std::vector<engine::LoadedAggregate>> load() override {
    WEIR_TRY(auto loaded, inner->load());
    std::erase_if(loaded, [](const auto& aggregate) {
      return aggregate.kind == engine::AggregateKind::kBatch &&
             aggregate.state.find("\"phase\":\"running\"") != std::string::npos;
    });
    return loaded;
  }
};

// --- The journal

struct SkipsIntent final : SameJournal {
  Result<std::uint32_t> intent(std::uint64_t, const AttemptId&, std::uint64_t, Money,
                               Time) override {
    return 0;
  }
  void outcome(std::uint32_t, engine::JournalEntry::Outcome, Time, const llm::Usage&) override {}
  void release(std::uint32_t) override {}
};
struct ReleasesBeforeCommit final : SameJournal {
  void outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome, Time priced_at,
               const llm::Usage& usage) override {
    inner->outcome(slot, outcome, priced_at, usage);
    inner->release(slot);
  }
  void release(std::uint32_t) override {}
};
struct FreeOutcome final : SameJournal {
  void outcome(std::uint32_t slot, engine::JournalEntry::Outcome, Time priced_at,
               const llm::Usage&) override {
    inner->outcome(slot, engine::JournalEntry::Outcome::kNotBilled, priced_at, {});
  }
};
class NeverSyncsJournal final : public Mutation {
 public:
  [[nodiscard]] bool syncs_journal() const override { return false; }
};

// --- The adapter

struct CreatesBlindly final : SameAdapter {
  [[nodiscard]] Result<provider::Step> next(std::string_view state, const BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    auto changed = event;
    if (event.kind == BatchEvent::Kind::kLost) changed.kind = BatchEvent::Kind::kNotSent;
    return inner->next(state, changed, context);
  }
};
// Goes on as if the artefact had been read.
template <class Skip>
Result<provider::Step> without(const provider::Adapter& inner, std::string_view state,
                               const BatchEvent& event, const provider::BatchContext& context,
                               Skip&& skip) {
  auto step = inner.next(state, event, context);
  for (int tries = 0; step && tries < 3; ++tries) {
    const auto* collect = std::get_if<provider::Collect>(&step->action);
    if (collect == nullptr || !skip(*step, *collect)) break;
    const std::string before = step->state;
    step = inner.next(before, {.kind = BatchEvent::Kind::kCollected}, context);
  }
  return step;
}
struct IgnoresErrorFile final : SameAdapter {
  [[nodiscard]] Result<provider::Step> next(std::string_view state, const BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return without(*inner, state, event, context,
                   [](const auto&, const auto& collect) { return collect.artefact == "errors"; });
  }
};
struct DropsExpiredBatch final : SameAdapter {
  [[nodiscard]] Result<provider::Step> next(std::string_view state, const BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    return without(*inner, state, event, context, [](const auto& step, const auto&) {
      return step.view.status == "expired" || step.view.status == "cancelled";
    });
  }
};
struct LeavesFiles final : SameAdapter {
  [[nodiscard]] Result<provider::Step> next(std::string_view state, const BatchEvent& event,
                                            const provider::BatchContext& context) const override {
    auto step = inner->next(state, event, context);
    for (int tries = 0; step && tries < 4; ++tries) {
      const auto* send = std::get_if<provider::Send>(&step->action);
      if (send == nullptr || send->operation != "delete") break;
      const std::string before = step->state;
      step = inner->next(before,
                         {.kind = BatchEvent::Kind::kAnswer,
                          .response = {.status = 200, .headers = {}, .body = "{}"}},
                         context);
    }
    return step;
  }
};
struct KeysByPosition final : SameAdapter {
  mutable std::string prefix;
  mutable std::uint64_t place = 0;
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view artefact, std::string_view line,
                                                 Time now) const override {
    auto row = inner->decode_row(artefact, line, now);
    if (!row) return row;
    const auto id = row->custom_id.substr(0, row->custom_id.find('-') + 1);
    if (std::exchange(prefix, id) != id) place = 0;
    row->custom_id = id + base36(place++);
    return row;
  }
};
struct CountsCachedAsInput final : SameAdapter {
  [[nodiscard]] Result<provider::Row> decode_row(std::string_view artefact, std::string_view line,
                                                 Time now) const override {
    auto row = inner->decode_row(artefact, line, now);
    if (!row) return row;
    auto& usage = row->response.usage;
    usage.input.count += std::exchange(usage.cache_read.count, 0);
    return row;
  }
};

// --- The files

class UnsyncedFile final : public Mutation, public engine::FileSystem {
 public:
  explicit UnsyncedFile(std::string_view ending) : ending_(ending) {}
  engine::FileSystem& files(engine::FileSystem& sound, MemoryDisk&) override {
    inner_ = &sound;
    return *this;
  }
  Result<std::unique_ptr<engine::File>> open(const std::string& path) override {
    WEIR_TRY(auto file, inner_->open(path));
    if (!path.ends_with(ending_)) return file;
    return std::make_unique<Deaf>(std::move(file));
  }
  Result<void> remove(const std::string& path) override { return inner_->remove(path); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return inner_->rename(from, to);
  }

 private:
  struct Deaf final : SameFile {
    using SameFile::SameFile;
    Result<void> sync() override { return {}; }
  };
  std::string_view ending_;
  engine::FileSystem* inner_ = nullptr;
};
class UnsyncedNames final : public Mutation {
 public:
  engine::FileSystem& files(engine::FileSystem&, MemoryDisk& disk) override {
    files_ = std::make_unique<MemoryFiles>(disk, false);
    return *files_;
  }

 private:
  std::unique_ptr<MemoryFiles> files_;
};

class UnsyncedRename final : public Mutation, public engine::FileSystem {
 public:
  engine::FileSystem& files(engine::FileSystem& sound, MemoryDisk& disk) override {
    inner_ = &sound;
    lazy_ = std::make_unique<MemoryFiles>(disk, false);
    return *this;
  }
  Result<std::unique_ptr<engine::File>> open(const std::string& path) override {
    return inner_->open(path);
  }
  Result<void> remove(const std::string& path) override { return inner_->remove(path); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return lazy_->rename(from, to);
  }

 private:
  engine::FileSystem* inner_ = nullptr;
  std::unique_ptr<MemoryFiles> lazy_;
};

template <class T>
MakeMutation making() {
  return [] { return std::make_unique<T>(); };
}
MakeMutation unsynced(std::string_view ending) {
  return [ending] { return std::make_unique<UnsyncedFile>(ending); };
}

}  // namespace

std::vector<Mutant> mutants() {
  return {{"commits_after_the_call", making<StoreMutation<CommitsLate>>()},
          {"forgets_unknown_outcomes", making<StoreMutation<ForgetsUnknown>>()},
          {"forgets_item_rows", making<StoreMutation<ForgetsItemRows>>()},
          {"counts_a_replayed_entry_twice", making<StoreMutation<CountsReplayedTwice>>()},
          {"forgets_the_sync_ledger_at_a_restart", making<StoreMutation<ForgetsSyncLedger>>()},
          {"keeps_answers_that_a_retry_undid", making<StoreMutation<KeepsUndoneAnswers>>()},
          {"forgets_the_new_output_of_a_retry", making<StoreMutation<ForgetsTheNewOutput>>()},
          {"loses_the_watermark", making<StoreMutation<LosesWatermark>>()},
          {"loses_a_running_batch", making<StoreMutation<LosesRunningBatch>>()},
          {"skips_the_intent", making<JournalMutation<SkipsIntent>>()},
          {"releases_before_the_commit", making<JournalMutation<ReleasesBeforeCommit>>()},
          {"journals_every_outcome_as_free", making<JournalMutation<FreeOutcome>>()},
          {"never_syncs_the_journal", making<NeverSyncsJournal>()},
          {"creates_again_blindly", making<AdapterMutation<CreatesBlindly>>()},
          {"ignores_the_error_file", making<AdapterMutation<IgnoresErrorFile>>()},
          {"drops_expired_batches", making<AdapterMutation<DropsExpiredBatch>>()},
          {"leaves_files_at_the_provider", making<AdapterMutation<LeavesFiles>>()},
          {"keys_rows_by_position", making<AdapterMutation<KeysByPosition>>()},
          {"counts_cached_tokens_as_input", making<AdapterMutation<CountsCachedAsInput>>()},
          {"segment_not_synced", unsynced("results.segment")},
          {"slots_not_synced", unsynced("results.slots")},
          {"output_not_synced", unsynced("answers.jsonl")},
          {"new_output_not_synced", unsynced("output.new")},
          {"rename_not_synced", making<UnsyncedRename>()},
          {"image_not_synced", unsynced(".image")},
          {"names_not_synced", making<UnsyncedNames>()}};
}

std::vector<Mutant> wrappers() {
  return {{"store", making<StoreMutation<SameStore>>()},
          {"journal", making<JournalMutation<SameJournal>>()},
          {"adapter", making<AdapterMutation<SameAdapter>>()},
          {"files", unsynced("no such file")}};
}

}  // namespace weir::simulation
