#pragma once
// Usage as the many servers count it.
#include "json/value.h"
#include "llm/types.h"

namespace weir::providers::openAICompatible {

/// `prompt_tokens` counts everything. What was read from a cache is, whichever is there: `prompt_tokens_details.cached_tokens`
/// (OpenAI, vLLM, SGLang), `prompt_cache_hit_tokens` (DeepSeek), `cached_tokens` (flat). What was written to one is
/// `cache_write_tokens`, in the details or flat (OpenRouter). Buckets are exclusive and never negative.
/// Docs (checked 2026-11-23): https://api-docs.deepseek.com/guides/kv_cache, https://openrouter.ai/docs/features/prompt-caching
llm::Usage decode_usage(json::Value usage);

}  // namespace weir::providers::openAICompatible
