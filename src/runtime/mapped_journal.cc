#include "runtime/mapped_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/hash.h"
#include "runtime/posix_files.h"

namespace weir::runtime {
namespace {
constexpr std::uint64_t kMagic = 0x314C4E52'52494557;  // "WEIRRNL1"
constexpr std::size_t kHeaderBytes = 192;
constexpr std::size_t kSlotBytes = 192;
}  // namespace

// Two halves, each with its CRC, written once: the intent, then the outcome. A half whose CRC is wrong was never finished.
struct MappedJournal::Slot {
  std::uint64_t sequence;
  std::uint64_t attempt_high, attempt_low;
  std::uint64_t item;
  std::int64_t ceiling;
  std::int64_t sent_at;
  std::uint32_t intent_crc;
  std::uint32_t taken;  // 1: intent stands. Written last.
  std::int64_t priced_at;
  std::int64_t tokens[6];
  std::uint32_t outcome;
  std::uint32_t outcome_crc;
  std::uint64_t reserved[9];

  [[nodiscard]] std::uint32_t crc_of_intent() const {
    return crc32c({reinterpret_cast<const char*>(this), offsetof(Slot, intent_crc)});
  }
  [[nodiscard]] std::uint32_t crc_of_outcome() const {
    const auto* from = reinterpret_cast<const char*>(&priced_at);
    // Seeded with its intent: the outcome of a slot's earlier tenant never fits, whatever sequence that had.
    return crc32c({from, offsetof(Slot, outcome_crc) - offsetof(Slot, priced_at)}, intent_crc);
  }
};

MappedJournal::Slot* MappedJournal::at(std::uint32_t slot) const {
  static_assert(sizeof(Slot) == kSlotBytes);
  // An intent and the word that validates it share 64 aligned bytes: no sector boundary parts them.
  static_assert(kHeaderBytes % 64 == 0 && kSlotBytes % 64 == 0 && offsetof(Slot, taken) < 64);
  return reinterpret_cast<Slot*>(memory_->bytes().data() + bytes_for(slot));
}

std::size_t MappedJournal::bytes_for(std::uint32_t slots) {
  return kHeaderBytes + std::size_t{slots} * kSlotBytes;
}

namespace {

class MappedFile final : public JournalMemory {
 public:
  MappedFile(char* map, std::size_t bytes) : map_(map), bytes_(bytes) {}
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() override { ::munmap(map_, bytes_); }

  std::span<char> bytes() override { return {map_, bytes_}; }
  Result<void> sync() override {
    if (::msync(map_, bytes_, MS_SYNC) == 0) return {};
    return fail(
        ErrorKind::kUnavailable,
        fmt::format("cannot write the usage journal to the disk: {}", std::strerror(errno)));
  }

 private:
  char* map_;
  std::size_t bytes_;
};

}  // namespace

Result<std::unique_ptr<MappedJournal>> MappedJournal::open(const std::string& path,
                                                           std::uint32_t slots) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const auto broken = [&](std::string_view doing) {
    const int code = errno;
    if (fd >= 0) ::close(fd);
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot {} {}: {}", doing, path, std::strerror(code)));
  };
  if (fd < 0) return broken("open");
  struct stat info{};
  if (::fstat(fd, &info) != 0) return broken("look at");
  // A journal never shrinks: an earlier process may have left entries in any slot.
  const auto bytes = std::max(bytes_for(slots), static_cast<std::size_t>(info.st_size));
  // Allocated, not only extended: a full disk must be an error here, not a SIGBUS at the first store.
  if (const int code = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)); code != 0) {
    errno = code;
    return broken("make room for");
  }
  void* map = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return broken("map");
  ::close(fd);
  auto memory = std::make_unique<MappedFile>(static_cast<char*>(map), bytes);
  WEIR_CHECK(sync_folder_of(path));  // whoever created it may have died before that
  return open(std::move(memory), path);
}

Result<std::unique_ptr<MappedJournal>> MappedJournal::open(std::unique_ptr<JournalMemory> memory,
                                                           const std::string& name) {
  std::unique_ptr<MappedJournal> journal(new MappedJournal(std::move(memory)));
  const auto bytes = journal->memory_->bytes();
  WEIR_ASSERT(bytes.size() >= kHeaderBytes);
  journal->slots_ = static_cast<std::uint32_t>((bytes.size() - kHeaderBytes) / kSlotBytes);
  std::uint64_t magic = 0;
  std::memcpy(&magic, bytes.data(), sizeof magic);
  // 0: it is new, or the power failed before its first sector came to the disk.
  if (magic != kMagic && magic != 0)
    return fail(ErrorKind::kInternal, fmt::format("{} is no usage journal of Weir", name),
                "restore it, or begin again with --restart");
  std::memcpy(bytes.data(), &kMagic, sizeof kMagic);
  journal->dirty_ = true;
  // A torn intent (power loss only): its request had not been sent for longer than a sync, or its slot was synced.
  for (std::uint32_t slot = journal->slots_; slot-- > 0;) {
    auto* s = journal->at(slot);
    if (s->taken != 0 && s->intent_crc == s->crc_of_intent()) continue;
    s->taken = 0;
    journal->free_.push_back(slot);
  }
  WEIR_CHECK(journal->sync());
  return journal;
}

Result<std::uint32_t> MappedJournal::intent(std::uint64_t sequence, const AttemptId& attempt,
                                            std::uint64_t item, Money ceiling, Time now) {
  if (free_.empty()) return fail(ErrorKind::kUnavailable, "the usage journal is full");
  const auto slot = free_.back();
  free_.pop_back();
  auto* s = at(slot);
  std::memset(s, 0, sizeof *s);
  s->sequence = sequence;
  s->attempt_high = attempt.high;
  s->attempt_low = attempt.low;
  s->item = item;
  s->ceiling = ceiling.pico;
  s->sent_at = unix_micros(now);
  s->intent_crc = s->crc_of_intent();
  std::atomic_thread_fence(std::memory_order_release);
  s->taken = 1;
  dirty_ = true;
  return slot;
}

void MappedJournal::outcome(std::uint32_t slot, engine::JournalEntry::Outcome outcome,
                            Time priced_at, const llm::Usage& usage) {
  auto* s = at(slot);
  s->priced_at = unix_micros(priced_at);
  const std::int64_t tokens[6] = {usage.input.count,          usage.cache_read.count,
                                  usage.cache_write_5m.count, usage.cache_write_1h.count,
                                  usage.cache_write.count,    usage.output.count};
  std::memcpy(s->tokens, tokens, sizeof tokens);
  s->outcome = static_cast<std::uint32_t>(outcome);
  std::atomic_thread_fence(std::memory_order_release);
  s->outcome_crc = s->crc_of_outcome();
  dirty_ = true;
}

void MappedJournal::release(std::uint32_t slot) {
  at(slot)->taken = 0;
  free_.push_back(slot);
  dirty_ = true;
}

std::vector<engine::JournalEntry> MappedJournal::entries() const {
  using Outcome = engine::JournalEntry::Outcome;
  std::vector<engine::JournalEntry> out;
  for (std::uint32_t slot = 0; slot < slots_; ++slot) {
    const auto* s = at(slot);
    if (s->taken == 0) continue;
    engine::JournalEntry entry{.slot = slot,
                               .sequence = s->sequence,
                               .attempt = {s->attempt_high, s->attempt_low},
                               .item = s->item,
                               .ceiling = {s->ceiling},
                               .sent_at = from_unix_micros(s->sent_at)};
    if (s->outcome != 0 && s->outcome_crc == s->crc_of_outcome() && s->outcome <= 3) {
      entry.outcome = static_cast<Outcome>(s->outcome);
      entry.priced_at = from_unix_micros(s->priced_at);
      entry.usage = {{s->tokens[0]}, {s->tokens[1]}, {s->tokens[2]},
                     {s->tokens[3]}, {s->tokens[4]}, {s->tokens[5]}};
    }
    out.push_back(entry);
  }
  return out;
}

Result<void> MappedJournal::sync() {
  if (!dirty_) return {};
  WEIR_CHECK(memory_->sync());
  dirty_ = false;
  return {};
}

}  // namespace weir::runtime
