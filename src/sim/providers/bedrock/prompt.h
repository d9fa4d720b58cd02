#pragma once
// The prompt of a Converse request, and what the cache makes of its cache points. Order: tools, system, messages; a point looks back
// over 20 blocks; an entry can be read once the answer that wrote it has begun, for its time to live since the request.
// Doc: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html (checked 2026-11-23, reference snapshot)
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/provider.h"
#include "sim/providers/bedrock/converse_request.h"

namespace weir::sim::bedrock {

struct Block {
  std::uint64_t key = 0;    // of the prefix that ends here; cache points are no part of it
  std::int64_t tokens = 0;  // of that prefix
  bool marked = false;
  bool hour = false;  // the point's time to live
};

struct Prompt {
  std::vector<Block> blocks;
  std::int64_t tokens = 0;
  std::vector<std::string_view> texts;  // all texts but the last user text, in order
  std::string_view document;            // the last text of the last user message
};

/// Views borrow from the request's parser.
Prompt read_prompt(const ConverseRequest& request, std::string_view account, TokenCounter& counter);

struct CacheUse {
  Time start, first_byte;
  std::int64_t tokens_min = 0;
};
/// Reads and writes the cache as the points say; gives the prompt's buckets (output stays 0).
TokenBuckets use_cache(PromptCache& cache, const Prompt& prompt, const CacheUse& use);

}  // namespace weir::sim::bedrock
