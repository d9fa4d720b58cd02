#include "memory_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::simulation {
namespace {

constexpr std::uint64_t kSector = 512;

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

Result<void> outcome(Io io) {
  if (io == Io::kDead) throw Crash{};
  if (io == Io::kFull) return fail(ErrorKind::kUnavailable, "the disk is full (drawn)");
  return {};
}

class MemoryFile final : public engine::File {
 public:
  MemoryFile(MemoryDisk& disk, MemoryDisk::NodePtr node) : disk_(disk), node_(std::move(node)) {}
  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override {
    return node_->read(offset, out);
  }
  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    return outcome(disk_.write(*node_, offset, bytes));
  }
  Result<std::uint64_t> size() override { return node_->size(); }
  Result<void> truncate(std::uint64_t size) override {
    return outcome(disk_.truncate(*node_, size));
  }
  Result<void> sync() override { return outcome(disk_.sync(*node_)); }

 private:
  MemoryDisk& disk_;
  MemoryDisk::NodePtr node_;
};

class MappedNode final : public runtime::JournalMemory {
 public:
  MappedNode(MemoryDisk& disk, MemoryDisk::NodePtr node) : disk_(disk), node_(std::move(node)) {}
  std::span<char> bytes() override { return MemoryDisk::memory(*node_); }
  Result<void> sync() override { return outcome(disk_.sync(*node_)); }

 private:
  MemoryDisk& disk_;
  MemoryDisk::NodePtr node_;
};

}  // namespace

std::size_t MemoryDisk::Node::read(std::uint64_t offset, std::span<char> out) const {
  const auto from = std::min<std::size_t>(offset, now_.size());
  const auto count = std::min(out.size(), now_.size() - from);
  std::memcpy(out.data(), now_.data() + from, count);
  return count;
}

MemoryDisk::NodePtr MemoryDisk::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

Io MemoryDisk::create(const std::string& path, NodePtr& out) {
  if ((out = find(path))) return Io::kDone;
  if (!crash_.pass()) return Io::kDead;
  if (crash_.fails()) return Io::kFull;
  out = names_[path] = std::make_shared<Node>();
  return Io::kDone;
}

Io MemoryDisk::remove(const std::string& path) {
  if (!crash_.pass()) return Io::kDead;
  names_.erase(path);
  return Io::kDone;
}

Io MemoryDisk::rename(const std::string& from, const std::string& to) {
  if (!crash_.pass()) return Io::kDead;
  if (crash_.fails()) return Io::kFull;
  auto node = find(from);
  WEIR_ASSERT(node != nullptr);
  names_.erase(from);
  names_[to] = node;
  renames_.push_back({from, to, std::move(node)});
  return Io::kDone;
}

void MemoryDisk::make_durable(const Rename& rename) {
  if (const auto old = names_synced_.find(rename.from);
      old != names_synced_.end() && old->second == rename.node)
    names_synced_.erase(old);
  names_synced_[rename.to] = rename.node;
}

Io MemoryDisk::sync_folder_of(const std::string& path) {
  if (!crash_.pass()) return Io::kDead;
  if (crash_.fails()) return Io::kFull;
  const auto folder = folder_of(path);
  // A journal is written in order: with a rename go those before it.
  const auto last = std::find_if(renames_.rbegin(), renames_.rend(), [&](const Rename& rename) {
    return folder_of(rename.from) == folder || folder_of(rename.to) == folder;
  });
  std::for_each(renames_.begin(), last.base(), [&](const Rename& rename) { make_durable(rename); });
  renames_.erase(renames_.begin(), last.base());
  std::erase_if(names_synced_, [&](const auto& entry) { return folder_of(entry.first) == folder; });
  for (const auto& [name, node] : names_)
    if (folder_of(name) == folder) names_synced_[name] = node;
  return Io::kDone;
}

void MemoryDisk::apply(std::string& image, const Node::Change& change) {
  if (change.cuts) return image.resize(change.offset);
  if (image.size() < change.offset + change.bytes.size())
    image.resize(change.offset + change.bytes.size());
  std::memcpy(image.data() + change.offset, change.bytes.data(), change.bytes.size());
}

Io MemoryDisk::write(Node& node, std::uint64_t offset, std::string_view bytes) {
  const bool was_dead = crash_.dead();
  const bool lives = crash_.pass();
  const bool fails = lives && crash_.fails();
  if (was_dead) return Io::kDead;
  if (!lives || fails) {
    const auto end = offset + crash_.random().below(bytes.size() + 1);
    const auto torn = end == offset + bytes.size() ? end : end / kSector * kSector;
    bytes = bytes.substr(0, torn > offset ? torn - offset : 0);
  }
  if (!bytes.empty()) {
    node.changes_.push_back({offset, std::string(bytes)});
    apply(node.now_, node.changes_.back());
  }
  return !lives ? Io::kDead : fails ? Io::kFull : Io::kDone;
}

Io MemoryDisk::truncate(Node& node, std::uint64_t size) {
  if (!crash_.pass()) return Io::kDead;
  if (size == node.size()) return Io::kDone;
  node.changes_.push_back({size, {}, true});
  apply(node.now_, node.changes_.back());
  return Io::kDone;
}

Io MemoryDisk::sync(Node& node) {
  if (!crash_.pass()) return Io::kDead;
  if (crash_.fails()) return Io::kFull;
  if (node.mapped_) {
    node.synced_ = node.now_;
    return Io::kDone;
  }
  for (const auto& change : std::exchange(node.changes_, {})) apply(node.synced_, change);
  return Io::kDone;
}

Io MemoryDisk::map(const std::string& path, std::size_t bytes, NodePtr& out) {
  if (const auto io = create(path, out); io != Io::kDone) return io;
  out->mapped_ = true;
  if (out->size() < bytes) {
    out->now_.resize(bytes);
    out->synced_.resize(bytes);
  }
  return sync_folder_of(path);
}

void MemoryDisk::write_back() {
  for (const auto& [name, node] : names_) {
    if (!node->mapped_ || node->size() == 0) continue;
    const auto at = crash_.random().below((node->size() + kSector - 1) / kSector) * kSector;
    node->synced_.replace(at, kSector, node->now_, at, kSector);
  }
}

void MemoryDisk::write_back_all() {
  for (auto& [name, node] : names_) {
    node->synced_ = node->now_;
    node->changes_.clear();
  }
  names_synced_ = names_;
  renames_.clear();
}

void MemoryDisk::lose(Node& node) {
  auto& random = crash_.random();
  const auto sectors = [&](std::uint64_t from, std::uint64_t end, auto&& keep) {
    for (auto at = from; at < end;) {
      const auto next = std::min(end, (at / kSector + 1) * kSector);
      if (random.below(2) == 0) keep(at, next - at);
      at = next;
    }
  };
  if (node.mapped_)
    sectors(0, node.size(), [&](std::uint64_t at, std::uint64_t count) {
      node.synced_.replace(at, count, node.now_, at, count);
    });
  // Losing or keeping everything is as likely as a mixture.
  const auto manner = random.below(3);
  for (const auto& change : std::exchange(node.changes_, {})) {
    const auto fate = manner < 2 ? manner : random.below(3);
    if (fate == 1 || (fate == 2 && change.cuts)) apply(node.synced_, change);
    if (fate == 2 && !change.cuts)
      sectors(change.offset, change.offset + change.bytes.size(),
              [&](std::uint64_t at, std::uint64_t count) {
                apply(node.synced_, {at, change.bytes.substr(at - change.offset, count)});
              });
  }
  node.now_ = node.synced_;
}

// The names that keep what they were before the first rename that is undone.
std::set<std::string> MemoryDisk::lose_renames() {
  std::set<std::string> kept;
  for (const auto& rename : std::exchange(renames_, {})) {
    const bool undone = !kept.empty() || crash_.random().below(2) == 0;
    if (undone) kept.insert({rename.from, rename.to});
    else make_durable(rename);
  }
  return kept;
}

void MemoryDisk::lose_power() {
  std::set<Node*> seen;
  for (const auto* names : {&names_, &names_synced_})
    for (const auto& [name, node] : *names)
      if (seen.insert(node.get()).second) lose(*node);
  const auto undone = lose_renames();
  std::map<std::string, NodePtr> left;
  const auto old_of = [&](const std::string& name) {
    const auto found = names_synced_.find(name);
    return found == names_synced_.end() ? nullptr : found->second;
  };
  auto all = names_synced_;
  all.insert(names_.begin(), names_.end());
  for (const auto& [name, any] : all) {
    const auto before = old_of(name), after = find(name);
    const bool settled = before == after || undone.contains(name);
    const auto& chosen = settled || crash_.random().below(2) == 0 ? before : after;
    if (chosen) left[name] = chosen;
  }
  names_ = names_synced_ = std::move(left);
}

void MemoryDisk::copy_synced_to(MemoryDisk& other) const {
  for (const auto& [name, node] : names_synced_) {
    auto copy = std::make_shared<Node>();
    copy->now_ = copy->synced_ = node->synced_;
    other.names_[name] = other.names_synced_[name] = std::move(copy);
  }
}

std::optional<std::string_view> MemoryDisk::durable(const std::string& path) const {
  const auto found = names_synced_.find(path);
  if (found == names_synced_.end()) return std::nullopt;
  return found->second->synced_;
}

std::vector<std::string> MemoryDisk::names() const {
  std::vector<std::string> out;
  for (const auto& [name, node] : names_) out.push_back(name);
  return out;
}

Result<std::unique_ptr<engine::File>> MemoryFiles::open(const std::string& path) {
  MemoryDisk::NodePtr node;
  WEIR_CHECK(outcome(disk_.create(path, node)));
  if (node->size() == 0 && syncs_names_) WEIR_CHECK(outcome(disk_.sync_folder_of(path)));
  return std::make_unique<MemoryFile>(disk_, std::move(node));
}

Result<void> MemoryFiles::remove(const std::string& path) { return outcome(disk_.remove(path)); }

Result<void> MemoryFiles::rename(const std::string& from, const std::string& to) {
  if (disk_.find(from) == nullptr)
    return fail(ErrorKind::kNotFound, "cannot replace " + to + ": there is no " + from);
  WEIR_CHECK(outcome(disk_.rename(from, to)));
  return syncs_names_ ? outcome(disk_.sync_folder_of(to)) : Result<void>();
}

Result<std::unique_ptr<runtime::JournalMemory>> map_journal(MemoryDisk& disk,
                                                            const std::string& path,
                                                            std::uint32_t slots) {
  MemoryDisk::NodePtr node;
  WEIR_CHECK(outcome(disk.map(path, runtime::MappedJournal::bytes_for(slots), node)));
  return std::make_unique<MappedNode>(disk, std::move(node));
}

}  // namespace weir::simulation
