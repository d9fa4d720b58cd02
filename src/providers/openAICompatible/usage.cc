#include "providers/openAICompatible/usage.h"

#include <algorithm>
#include <initializer_list>

#include "provider/openai_chat_dialect.h"

namespace weir::providers::openAICompatible {
namespace {

// The first of these that says something.
Tokens first_of(std::initializer_list<json::Value> values) {
  for (const auto value : values)
    if (const Tokens count = provider::openai_chat::token_count(value); count.count > 0)
      return count;
  return {};
}

}  // namespace

llm::Usage decode_usage(json::Value usage) {
  const auto details = usage["prompt_tokens_details"];
  llm::Usage out;
  out.cache_read = first_of(
      {details["cached_tokens"], usage["prompt_cache_hit_tokens"], usage["cached_tokens"]});
  out.cache_write = first_of({details["cache_write_tokens"], usage["cache_write_tokens"]});
  // Some count the hits and the misses only.
  const Tokens both = provider::openai_chat::token_count(usage["prompt_cache_hit_tokens"]) +
                      provider::openai_chat::token_count(usage["prompt_cache_miss_tokens"]);
  const Tokens prompt = first_of({usage["prompt_tokens"]});
  out.input =
      std::max(Tokens{0}, (prompt.count > 0 ? prompt : both) - out.cache_read - out.cache_write);
  out.output = provider::openai_chat::token_count(usage["completion_tokens"]);
  return out;
}

}  // namespace weir::providers::openAICompatible
