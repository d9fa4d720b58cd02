#include "llm/types.h"

#include <algorithm>
#include <utility>

namespace weir::llm {
namespace {

// Providers refuse text blocks that say nothing.
bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

void join_pieces(std::vector<Block>& blocks) {
  std::vector<Block> out;
  out.reserve(blocks.size());
  for (auto& block : blocks) {
    const bool piece =
        !out.empty() && out.back().goes_on && out.back().is_text() && block.is_text();
    // A mark before or behind nothing but space would leave a block of its own there.
    const bool apart = piece && out.back().mark && !blank(out.back().text) && !blank(block.text);
    if (!piece || apart) {
      out.push_back(std::move(block));
      continue;
    }
    auto& last = out.back();
    const bool was_blank = blank(last.text);
    const bool adds = !blank(block.text);
    last.text += block.text;
    last.goes_on = block.goes_on;
    if (was_blank || adds) last.mark = block.mark;
  }
  blocks = std::move(out);
}

}  // namespace

bool has_marks(const Request& request) {
  const auto any = [](const auto& parts) {
    return std::ranges::any_of(parts, [](const auto& part) { return part.mark.has_value(); });
  };
  return any(request.tools) || any(request.system) ||
         std::ranges::any_of(request.messages,
                             [&](const Message& message) { return any(message.content); });
}

void join_pieces(Request& request) {
  join_pieces(request.system);
  for (auto& message : request.messages) join_pieces(message.content);
}

std::string_view to_string(CacheTtl ttl) {
  switch (ttl) {
    case CacheTtl::kDefault: return "default";
    case CacheTtl::k5m: return "5m";
    case CacheTtl::k1h: return "1h";
  }
  return "default";
}

std::string_view to_string(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAIChat: return "OpenAI chat completions";
    case Dialect::kAnthropicMessages: return "Anthropic messages";
    case Dialect::kOpenAIResponses: return "OpenAI responses";
  }
  return "OpenAI chat completions";
}

}  // namespace weir::llm

namespace weir {

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kToolUse: return "tool_use";
    case FinishReason::kRefusal: return "refusal";
    case FinishReason::kOther: return "other";
  }
  return "other";
}

std::string_view to_string(Route route) { return route == Route::kSync ? "sync" : "batch"; }

}  // namespace weir
