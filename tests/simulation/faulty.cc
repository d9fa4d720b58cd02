#include "faulty.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t kSector = 512;

std::unexpected<Error> disk_full() {
  return fail(ErrorKind::kUnavailable, "the disk is full (drawn)");
}

class FaultyFile final : public engine::File {
 public:
  FaultyFile(std::unique_ptr<engine::File> inner, CrashPoint& crash)
      : inner_(std::move(inner)), crash_(crash) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override {
    return inner_->read(offset, out);
  }
  // A death or a full disk may leave a first part of the bytes, torn where a sector ends.
  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    const bool fails = crash_.fails();
    if (crash_.due() || fails) {
      const auto end = offset + crash_.random().below(bytes.size() + 1);
      const auto torn = end == offset + bytes.size() ? end : end / kSector * kSector;
      if (torn > offset) WEIR_CHECK(inner_->write(offset, bytes.substr(0, torn - offset)));
    }
    crash_.pass();
    if (fails) return disk_full();
    return inner_->write(offset, bytes);
  }
  Result<std::uint64_t> size() override { return inner_->size(); }
  Result<void> truncate(std::uint64_t size) override {
    crash_.pass();
    return inner_->truncate(size);
  }
  Result<void> sync() override {
    crash_.pass();
    if (crash_.fails()) return disk_full();
    return inner_->sync();
  }

 private:
  std::unique_ptr<engine::File> inner_;
  CrashPoint& crash_;
};

}  // namespace

Result<void> FaultyStore::commit(const engine::Commit& commit) {
  crash_.pass();
  if (crash_.fails()) return disk_full();
  WEIR_CHECK(inner_.commit(commit));
  crash_.pass();
  return {};
}

Result<std::unique_ptr<engine::File>> FaultyFiles::open(const std::string& path) {
  WEIR_TRY(auto file, inner_.open(path));
  crash_.pass();
  return std::make_unique<FaultyFile>(std::move(file), crash_);
}

Result<void> FaultyFiles::remove(const std::string& path) {
  crash_.pass();
  return inner_.remove(path);
}

Result<std::uint32_t> FaultyJournal::intent(std::uint64_t sequence, const AttemptId& attempt,
                                            std::uint64_t item, Money ceiling, Time now) {
  crash_.pass();
  WEIR_TRY(const auto slot, inner_.intent(sequence, attempt, item, ceiling, now));
  crash_.pass();
  return slot;
}

void FaultyJournal::outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome,
                            Time priced_at, const llm::Usage& usage) {
  crash_.pass();
  inner_.outcome(slot, outcome, priced_at, usage);
  crash_.pass();
}

void FaultyJournal::release(std::uint32_t slot) {
  crash_.pass();
  inner_.release(slot);
}

}  // namespace weir::simulation
