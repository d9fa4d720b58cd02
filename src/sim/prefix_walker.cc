#include "sim/prefix_walker.h"

#include <utility>

#include "base/hash.h"
#include "sim/tokenizer.h"

namespace weir::sim {
namespace {
constexpr std::size_t kWalkRememberBytesMin = 512;
constexpr std::size_t kRememberedMax = 4096;  // then forgotten all at once
}  // namespace

void PrefixWalker::walk_anew(State& state, std::string_view text,
                             std::vector<Place>& places) const {
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size();) {
    at = token_end(text, at);
    if (++state.tokens < state.next) continue;
    state.hash = hash64(text.substr(from, at - from), state.hash);
    from = at;
    if (state.next >= state.least) places.push_back({state.hash, state.next});
    state.next += step_;
  }
  state.hash = hash64(text.substr(from), state.hash + 1);
}

void PrefixWalker::walk(State& state, std::string_view text, std::vector<Place>& places) {
  if (text.size() < kWalkRememberBytesMin) return walk_anew(state, text, places);
  const std::uint64_t key = hash64(text, state.hash ^ static_cast<std::uint64_t>(state.tokens));
  auto found = known_.find(key);
  if (found == known_.end()) {
    if (known_.size() >= kRememberedMax) known_.clear();
    Walked walked{.end = state, .places = {}};
    walk_anew(walked.end, text, walked.places);
    found = known_.emplace(key, std::move(walked)).first;
  }
  state = found->second.end;
  places.insert(places.end(), found->second.places.begin(), found->second.places.end());
}

}  // namespace weir::sim
