#include "sim/generate.h"

#include "sim/draw.h"

namespace weir::sim {

Generated generate(World& world, const Ask& ask, std::int64_t limit) {
  Generated out;
  if (limit <= 0) {
    out.cut = true;
    return out;
  }
  out.text = world.model.answer(ask);
  const std::size_t bytes = token_prefix_bytes(out.text, limit);
  if (bytes < out.text.size()) {
    out.text.resize(bytes);
    out.cut = true;
  }
  out.tokens = count_tokens(out.text);
  return out;
}

Latency latency_of(std::uint64_t seed, std::uint64_t sequence, std::int64_t output_tokens) {
  auto random = draw(seed, "latency", sequence);
  return {.first_byte =
              draw_between(random, std::chrono::milliseconds(300), std::chrono::milliseconds(900)),
          .rest = kTokenTime * output_tokens};
}

std::vector<std::string_view> stream_chunks(std::string_view text, std::int64_t tokens) {
  std::vector<std::string_view> chunks;
  while (!text.empty()) {
    const std::size_t bytes = token_prefix_bytes(text, tokens);
    chunks.push_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return chunks;
}

}  // namespace weir::sim
