#pragma once
// The cheapest that any order with any marks can cost at hit rate 1, by exhaustive search: for a handful of items, to hold the planner
// against. Knows the provider's rules, nothing of the planner: requests one after another, at most `breakpoints` marks, entries are
// written at marks behind what is read, found within the look-back of a mark, and live for ever.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "plan/prefix_trie.h"

namespace weir::plan {

struct ExactRules {
  std::int64_t input = 0, read = 0, write = 0, prefix_min = 0;
  unsigned breakpoints = 4;
  std::size_t lookback = 20;
};

class ExactSearch {
 public:
  /// At most 8 items, and at most 24 different prefixes that two of them share.
  ExactSearch(const std::vector<std::vector<BlockKey>>& items, ExactRules rules) : rules_(rules) {
    std::map<std::vector<std::uint64_t>, int> shared;
    for (const auto& item : items) {
      std::vector<std::uint64_t> prefix;
      for (const auto& block : item) {
        prefix.push_back(block.hash);
        ++shared[prefix];
      }
    }
    std::map<std::vector<std::uint64_t>, int> number;
    for (const auto& item : items) {
      auto& out = items_.emplace_back();
      std::vector<std::uint64_t> prefix;
      for (std::size_t b = 0; b < item.size(); ++b) {
        prefix.push_back(item[b].hash);
        out.tokens += item[b].tokens;
        if (shared[prefix] < 2 || out.tokens < rules.prefix_min) continue;
        const int id = number.try_emplace(prefix, static_cast<int>(number.size())).first->second;
        out.places.push_back({id, b, out.tokens});
      }
    }
  }

  std::int64_t least() { return from(0, 0); }

 private:
  struct Place {
    int id;
    std::size_t block;
    std::int64_t tokens;
  };
  struct Item {
    std::vector<Place> places;  // where a mark could be of use to anybody
    std::int64_t tokens = 0;
  };

  // From here on, with these items sent and these prefixes written.
  std::int64_t from(std::uint32_t sent, std::uint32_t written) {
    if (sent + 1 == std::uint32_t{1} << items_.size()) return 0;
    const auto key = (std::uint64_t{sent} << 32) | written;
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if ((sent >> i & 1) != 0) continue;
      const auto& item = items_[i];
      for (std::uint32_t marks = 0; marks < std::uint32_t{1} << item.places.size(); ++marks) {
        if (static_cast<unsigned>(std::popcount(marks)) > rules_.breakpoints) continue;
        auto after = written;
        const auto cost = send(item, marks, after);
        best = std::min(best, cost + from(sent | 1U << i, after));
      }
    }
    known_[key] = best;
    return best;
  }

  std::int64_t send(const Item& item, std::uint32_t marks, std::uint32_t& written) const {
    std::int64_t read = 0, end = 0;
    for (std::size_t m = 0; m < item.places.size(); ++m) {
      if ((marks >> m & 1) == 0) continue;
      end = item.places[m].tokens;
      for (std::size_t p = 0; p <= m; ++p)
        if ((written >> item.places[p].id & 1) != 0 &&
            item.places[m].block - item.places[p].block < rules_.lookback)
          read = std::max(read, item.places[p].tokens);
    }
    for (std::size_t m = 0; m < item.places.size(); ++m)
      if ((marks >> m & 1) != 0 && item.places[m].tokens > read) written |= 1U << item.places[m].id;
    end = std::max(end, read);
    return read * rules_.read + (end - read) * rules_.write + (item.tokens - end) * rules_.input;
  }

  ExactRules rules_;
  std::vector<Item> items_;
  std::unordered_map<std::uint64_t, std::int64_t> known_;
};

/// What requests cost one after another by the same rules: `marks` are block indexes, by request.
struct Sent {
  std::size_t item = 0;
  std::vector<std::size_t> marks;
};
inline std::int64_t cost_of(const std::vector<std::vector<BlockKey>>& items,
                            const std::vector<Sent>& sent, const ExactRules& rules) {
  std::set<std::vector<std::uint64_t>> written;
  std::int64_t cost = 0;
  for (const auto& request : sent) {
    std::vector<std::vector<std::uint64_t>> prefixes;
    std::vector<std::int64_t> tokens;
    for (const auto& block : items[request.item]) {
      prefixes.push_back(prefixes.empty() ? std::vector<std::uint64_t>{} : prefixes.back());
      prefixes.back().push_back(block.hash);
      tokens.push_back((tokens.empty() ? 0 : tokens.back()) + block.tokens);
    }
    std::int64_t read = 0, end = 0;
    for (const auto mark : request.marks) {
      if (tokens[mark] < rules.prefix_min) continue;
      end = std::max(end, tokens[mark]);
      const std::size_t from = mark + 1 > rules.lookback ? mark + 1 - rules.lookback : 0;
      for (std::size_t b = from; b <= mark; ++b)
        if (written.contains(prefixes[b])) read = std::max(read, tokens[b]);
    }
    for (const auto mark : request.marks)
      if (tokens[mark] > read && tokens[mark] >= rules.prefix_min) written.insert(prefixes[mark]);
    end = std::max(end, read);
    cost += read * rules.read + (end - read) * rules.write +
            ((tokens.empty() ? 0 : tokens.back()) - end) * rules.input;
  }
  return cost;
}

}  // namespace weir::plan
