#pragma once
// A prompt as one sequence of tokens with places along it where an automatic cache may be read and
// written: every so many tokens, each with a key of all that stands before it. What a prompt
// consists of, and in which order, is the provider's business. Not thread-safe.
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::sim {

class PrefixWalker {
 public:
  /// A place in the prompt: everything before it has this key and so many tokens.
  struct Place {
    std::uint64_t key = 0;
    std::int64_t tokens = 0;
  };
  struct State {
    std::uint64_t hash = 0;  // set at the start to what keeps caches apart: account, model, route
    std::int64_t tokens = 0;
    std::int64_t next = 0;   // the next place
    std::int64_t least = 0;  // places below it are none
  };

  explicit PrefixWalker(std::int64_t step) : step_(step) {}
  /// At the start of a prompt. @param least tokens that a prefix needs to be cached at all.
  [[nodiscard]] State begin(std::uint64_t root, std::int64_t least) const {
    return {.hash = root, .tokens = 0, .next = step_, .least = least};
  }
  /// Goes over a text. A long one is walked once for all prompts that begin alike.
  void walk(State& state, std::string_view text, std::vector<Place>& places);

 private:
  struct Walked {
    State end;
    std::vector<Place> places;
  };
  void walk_anew(State& state, std::string_view text, std::vector<Place>& places) const;

  std::int64_t step_;
  std::unordered_map<std::uint64_t, Walked> known_;
};

}  // namespace weir::sim
