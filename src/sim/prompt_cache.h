#pragma once
// The store behind every simulated prompt cache: which prefixes are cached, from when they can be
// read and until when. What a prefix is, and what reading and writing cost, is each provider's
// business; keys hold everything that keeps two prefixes apart (account, model, pool, all bytes so
// far).
#include <cstdint>
#include <unordered_map>

#include "base/time.h"

namespace weir::sim {

class PromptCache {
 public:
  struct Entry {
    Time visible_at;  // the first byte of the answer that wrote it
    Time
        expires_at;  // time to live counts from the start of the request that wrote or last read it
    Duration ttl{0};
  };

  /// The entry, when a request that starts at `start` can read it.
  [[nodiscard]] const Entry* find(std::uint64_t key, Time start) const;
  /// A read starts the time to live anew; nothing when there is no such entry.
  void refresh(std::uint64_t key, Time start);
  /// Two requests may write the same prefix at once: the earlier becomes readable first, the longer
  /// life wins.
  void write(std::uint64_t key, Time start, Time visible_at, Duration ttl);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  void make_room(Time now);
  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace weir::sim
