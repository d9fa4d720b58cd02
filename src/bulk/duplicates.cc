#include "bulk/duplicates.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "bulk/input_file.h"

namespace weir::bulk {
namespace {

struct Entry {
  std::uint64_t hash = 0;
  std::uint64_t index = 0;
};
static_assert(sizeof(Entry) == 16);

constexpr unsigned kPartitionBits = 6;
constexpr std::size_t kPartitions = 1U << kPartitionBits;
// 64 partitions with this much buffer each: 1 MiB.
constexpr std::size_t kBufferBytes = 16U << 10;
constexpr std::size_t kReadBytes = 64U << 10;

std::string_view bytes_of(std::span<const Entry> entries) {
  return {reinterpret_cast<const char*>(entries.data()), entries.size_bytes()};
}

// A file of entries in order of index; gone with its object.
class Partition {
 public:
  Partition() = default;
  Partition(Partition&&) = delete;
  ~Partition() {
    if (fd_.get() >= 0) ::unlink(path_.c_str());
  }
  Result<void> add(const Entry& entry, const std::string& path) {
    if (buffer_.empty()) {
      buffer_.reserve(kBufferBytes / sizeof(Entry));
      path_ = path;
    }
    buffer_.push_back(entry);
    return buffer_.size() == kBufferBytes / sizeof(Entry) ? flush() : Result<void>();
  }
  Result<void> flush() {
    if (buffer_.empty()) return {};
    if (fd_.get() < 0) {
      WEIR_TRY(fd_, open_to_write(path_));
    }
    WEIR_CHECK(write_at(fd_.get(), size_, bytes_of(buffer_), path_));
    size_ += bytes_of(buffer_).size();
    buffer_.clear();
    return {};
  }
  /// flush(), and gives the buffer's memory back.
  Result<void> close() {
    WEIR_CHECK(flush());
    std::vector<Entry>().swap(buffer_);
    return {};
  }
  Result<std::vector<Entry>> read(std::uint64_t offset, std::size_t bytes_max) const {
    std::vector<Entry> out(std::min<std::uint64_t>(size_ - offset, bytes_max) / sizeof(Entry));
    WEIR_TRY(const auto length,
             read_at(fd_.get(), offset,
                     {reinterpret_cast<char*>(out.data()), out.size() * sizeof(Entry)}, path_));
    if (length != out.size() * sizeof(Entry))
      return fail(ErrorKind::kUnavailable, path_ + " was cut while it was in use");
    return out;
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  Fd fd_;
  std::string path_;
  std::vector<Entry> buffer_;
  std::uint64_t size_ = 0;
};

using Partitions = std::array<Partition, kPartitions>;

// Compares real ids where hashes are equal: different ids with one hash are kept apart.
class Confirmer {
 public:
  Confirmer(const DuplicateFinder::ReadId& read_id,
            const DuplicateFinder::OnDuplicate& on_duplicate)
      : read_id_(read_id), on_duplicate_(on_duplicate) {}

  /// Entries of one hash come one after another, by index. `reset` begins a new hash.
  void reset() { firsts_.clear(); }
  Result<void> take(std::uint64_t index) {
    WEIR_TRY(auto id, read_id_(index));
    for (const auto& first : firsts_)
      if (first.id == id) return on_duplicate_(first.index, index);
    firsts_.push_back({.index = index, .id = std::move(id)});
    return {};
  }

 private:
  struct First {
    std::uint64_t index = 0;
    std::string id;
  };
  const DuplicateFinder::ReadId& read_id_;
  const DuplicateFinder::OnDuplicate& on_duplicate_;
  std::vector<First>
      firsts_;  // as many as ids share one 64-bit hash: one, but for an attack on the hash
};

Result<void> find_in(std::vector<Entry>& entries, Confirmer& confirm) {
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return std::pair(a.hash, a.index) < std::pair(b.hash, b.index);
  });
  for (std::size_t begin = 0; begin < entries.size();) {
    std::size_t end = begin + 1;
    while (end < entries.size() && entries[end].hash == entries[begin].hash) ++end;
    if (end - begin > 1) {
      confirm.reset();
      for (std::size_t i = begin; i < end; ++i) WEIR_CHECK(confirm.take(entries[i].index));
    }
    begin = end;
  }
  return {};
}

}  // namespace

struct DuplicateFinder::Impl {
  DuplicateOptions options;
  std::vector<Entry> memory;
  std::unique_ptr<Partitions> partitions;
  std::uint64_t files = 0;

  Result<void> spread(Partitions& out, const Entry& entry, unsigned level,
                      std::uint64_t group) const {
    const auto part = (entry.hash >> (64 - kPartitionBits * (level + 1))) & (kPartitions - 1);
    return out[part].add(entry,
                         fmt::format("{}/duplicates.{}.{}.{}", options.dir, level, group, part));
  }
  static Result<void> close(Partitions& all) {
    for (auto& partition : all) WEIR_CHECK(partition.close());
    return {};
  }
  Result<void> find_in_partition(const Partition& partition, unsigned level, Confirmer& confirm);
  Result<void> split(const Partition& partition, unsigned level, Confirmer& confirm);
  static Result<void> find_in_order(const Partition& partition, Confirmer& confirm);
};

DuplicateFinder::DuplicateFinder(DuplicateOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
}
DuplicateFinder::~DuplicateFinder() = default;

Result<void> DuplicateFinder::add(std::uint64_t index, std::string_view id) {
  auto& self = *impl_;
  const Entry entry{.hash = self.options.hash != nullptr ? self.options.hash(id) : hash64(id),
                    .index = index};
  if (!self.partitions) {
    if (self.memory.size() < self.options.in_memory_max) {
      self.memory.push_back(entry);
      return {};
    }
    self.partitions = std::make_unique<Partitions>();
    for (const auto& early : self.memory) WEIR_CHECK(self.spread(*self.partitions, early, 0, 0));
    std::vector<Entry>().swap(self.memory);
  }
  return self.spread(*self.partitions, entry, 0, 0);
}

Result<void> DuplicateFinder::find(const ReadId& read_id, const OnDuplicate& on_duplicate) {
  Confirmer confirm(read_id, on_duplicate);
  auto& self = *impl_;
  if (!self.partitions) return find_in(self.memory, confirm);
  WEIR_CHECK(Impl::close(*self.partitions));
  for (const auto& partition : *self.partitions)
    WEIR_CHECK(self.find_in_partition(partition, 0, confirm));
  return {};
}

Result<void> DuplicateFinder::Impl::find_in_partition(const Partition& partition, unsigned level,
                                                      Confirmer& confirm) {
  if (partition.size() == 0) return {};
  if (partition.size() > options.partition_bytes_max) return split(partition, level + 1, confirm);
  WEIR_TRY(auto entries, partition.read(0, partition.size()));
  return find_in(entries, confirm);
}

// Too large to sort in memory: spreads it by the next bits of the hash. Where these bits do not
// part it, all its hashes are equal (or it would take all bits to see otherwise), and then its
// order by index is all that is needed.
Result<void> DuplicateFinder::Impl::split(const Partition& partition, unsigned level,
                                          Confirmer& confirm) {
  bool all_equal = true;
  std::uint64_t hash = 0;
  for (std::uint64_t at = 0; at < partition.size() && all_equal; at += kReadBytes) {
    WEIR_TRY(const auto entries, partition.read(at, kReadBytes));
    if (at == 0) hash = entries.front().hash;
    all_equal = std::ranges::all_of(entries, [&](const Entry& e) { return e.hash == hash; });
  }
  if (all_equal) return find_in_order(partition, confirm);
  // Different hashes differ in a bit above the last group's, or in the few below that no group
  // covers; the latter need two hashes equal in 60 bits, so such a partition is small, whatever its
  // bound.
  if (kPartitionBits * (level + 1) > 64) {
    WEIR_TRY(auto entries, partition.read(0, partition.size()));
    return find_in(entries, confirm);
  }
  auto parts = std::make_unique<Partitions>();
  const auto group = ++files;
  for (std::uint64_t at = 0; at < partition.size(); at += kReadBytes) {
    WEIR_TRY(const auto entries, partition.read(at, kReadBytes));
    for (const auto& entry : entries) WEIR_CHECK(spread(*parts, entry, level, group));
  }
  WEIR_CHECK(close(*parts));
  for (const auto& part : *parts) WEIR_CHECK(find_in_partition(part, level, confirm));
  return {};
}

Result<void> DuplicateFinder::Impl::find_in_order(const Partition& partition, Confirmer& confirm) {
  confirm.reset();
  for (std::uint64_t at = 0; at < partition.size(); at += kReadBytes) {
    WEIR_TRY(const auto entries, partition.read(at, kReadBytes));
    for (const auto& entry : entries) WEIR_CHECK(confirm.take(entry.index));
  }
  return {};
}

}  // namespace weir::bulk
