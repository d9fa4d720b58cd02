#pragma once
// The simulator's tokens: a deterministic cut of text into pieces, about four bytes each in
// English. No provider's real vocabulary; used alike for count_tokens, usage, cache minimums and
// output limits, so that every number agrees.
#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace weir::sim {

/// End of the token that starts at `at` (at < text.size()). A space belongs to the word behind it.
std::size_t token_end(std::string_view text, std::size_t at);
/// Bytes of the first `tokens` tokens; all of the text when it has fewer. Never splits a UTF-8
/// character.
std::size_t token_prefix_bytes(std::string_view text, std::int64_t tokens);
std::int64_t count_tokens(std::string_view text);

/// Counts, and remembers long texts by their hash: a static prompt part of 30 kB is counted once,
/// not once a request.
class TokenCounter {
 public:
  std::int64_t count(std::string_view text);

 private:
  std::unordered_map<std::uint64_t, std::int64_t> known_;
};

}  // namespace weir::sim
