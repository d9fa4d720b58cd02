#include "sim/prompt_cache.h"

#include <algorithm>
#include <vector>

namespace weir::sim {
namespace {
// A bound on memory, about 100 MB. A provider that drops the entries that end first is still within
// its promise.
constexpr std::size_t kEntriesMax = 2'000'000;
}  // namespace

const PromptCache::Entry* PromptCache::find(std::uint64_t key, Time start) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  const Entry& entry = found->second;
  return entry.visible_at <= start && start < entry.expires_at ? &entry : nullptr;
}

void PromptCache::refresh(std::uint64_t key, Time start) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || start >= found->second.expires_at) return;
  found->second.expires_at = std::max(found->second.expires_at, start + found->second.ttl);
}

void PromptCache::write(std::uint64_t key, Time start, Time visible_at, Duration ttl) {
  if (entries_.size() >= kEntriesMax) make_room(start);
  const auto [place, fresh] = entries_.try_emplace(key, Entry{visible_at, start + ttl, ttl});
  if (fresh) return;
  Entry& entry = place->second;
  if (start >= entry.expires_at) {
    entry = {visible_at, start + ttl, ttl};
    return;
  }
  entry.visible_at = std::min(entry.visible_at, visible_at);
  entry.expires_at = std::max(entry.expires_at, start + ttl);
  entry.ttl = std::max(entry.ttl, ttl);
}

void PromptCache::make_room(Time now) {
  std::erase_if(entries_, [&](const auto& item) { return item.second.expires_at <= now; });
  if (entries_.size() < kEntriesMax) return;
  std::vector<Time> ends;
  ends.reserve(entries_.size());
  for (const auto& item : entries_) ends.push_back(item.second.expires_at);
  const auto middle = ends.begin() + static_cast<std::ptrdiff_t>(ends.size() / 2);
  std::nth_element(ends.begin(), middle, ends.end());
  std::erase_if(entries_, [&](const auto& item) { return item.second.expires_at <= *middle; });
}

}  // namespace weir::sim
