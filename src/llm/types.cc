#include "llm/types.h"

namespace weir::llm {

std::string_view to_string(CacheTtl ttl) {
  switch (ttl) {
    case CacheTtl::kDefault: return "default";
    case CacheTtl::k5m: return "5m";
    case CacheTtl::k1h: return "1h";
  }
  return "default";
}

std::string_view to_string(Dialect dialect) {
  return dialect == Dialect::kOpenAIChat ? "OpenAI chat completions" : "Anthropic messages";
}

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

Usage& Usage::operator+=(const Usage& other) {
  input += other.input;
  cache_read += other.cache_read;
  cache_write_5m += other.cache_write_5m;
  cache_write_1h += other.cache_write_1h;
  cache_write += other.cache_write;
  output += other.output;
  return *this;
}

}  // namespace weir::llm
