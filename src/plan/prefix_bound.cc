#include "plan/prefix_bound.h"

#include <algorithm>

namespace weir::plan {

BoundTokens bound_tokens(const PrefixTree& tree, const PrefixSettings& settings) {
  BoundTokens out{.write = settings.input, .complete = tree.complete()};
  out.base = tree.prompt_tokens;
  if (settings.mode == catalogue::CacheMode::kNone || settings.ttls.empty()) return out;
  out.write = std::ranges::min(settings.ttls, {}, &TtlOption::write).write;
  const auto input = static_cast<__int128>(settings.input.pico_per_token);
  const auto read = static_cast<__int128>(settings.read.pico_per_token);
  const auto write = static_cast<__int128>(out.write.pico_per_token);
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
    const auto& node = tree.nodes[i];
    if (Tokens{node.tokens} < settings.prefix_min) continue;
    const auto& parent = tree.nodes[node.parent];
    // Below the minimum nothing is kept, so the first prefix above it holds all tokens before it, once for each such prefix.
    const bool parent_kept = Tokens{parent.tokens} >= settings.prefix_min;
    const std::uint64_t tokens = node.tokens - (parent_kept ? parent.tokens : 0);
    const auto items = static_cast<__int128>(node.items);
    if (items * input <= write + (items - 1) * read) continue;
    out.written += tokens;
    out.read += tokens * (node.items - 1);
    out.base -= tokens * node.items;
  }
  return out;
}

MoneySum bound_cost(const BoundTokens& tokens, const PrefixSettings& settings) {
  const auto times = [](std::uint64_t count, Price price) {
    return static_cast<__int128>(count) * price.pico_per_token;
  };
  return {times(tokens.written, tokens.write) + times(tokens.read, settings.read) +
          times(tokens.base, settings.input)};
}

MoneySum bound_cost(const BoundTokens& tokens, const PrefixSettings& settings,
                    std::uint64_t prompt_tokens) {
  const auto whole = bound_cost(tokens, settings);
  if (tokens.prompt() == 0) return whole;
  // In two steps: the product of a large job would not fit 128 bits.
  const auto count = static_cast<__int128>(tokens.prompt());
  return {whole.pico / count * prompt_tokens + whole.pico % count * prompt_tokens / count};
}

}  // namespace weir::plan
