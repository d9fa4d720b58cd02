#pragma once
// cache_control: which blocks a request marks, and what the cache then does.
// Order of the prompt: tools, system, messages. At most 4 breakpoints, longer lives first; a
// breakpoint looks back over 20 blocks; an entry can be read once the answer that wrote it has
// begun, for its time to live since the request. Doc:
// https://platform.claude.com/docs/en/build-with-claude/prompt-caching (checked 2026-11-23,
// reference snapshot).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "json/value.h"
#include "sim/provider.h"
#include "sim/providers/anthropic/wire.h"

namespace weir::sim::anthropic {

enum class Ttl : std::uint8_t { kFiveMinutes, kHour };

/// One block of the prompt and everything before it.
struct Block {
  std::uint64_t key = 0;    // of the prefix that ends here; markers are no part of it
  std::int64_t tokens = 0;  // of that prefix
  std::optional<Ttl> mark;
};

struct Prompt {
  std::vector<Block> blocks;
  std::int64_t tokens = 0;
  std::vector<std::string_view> texts;  // all texts but the last user text, in order
  std::string_view document;            // the last text of the last user message
};

/// The 400s of markers: more than 4, an unknown type or time to live, a longer life behind a
/// shorter one.
Checked<void> check_cache_control(json::Value body);

/// The prompt of a checked body. Views borrow from its parser.
Prompt read_prompt(json::Value body, std::string_view model, std::string_view account, bool batch,
                   TokenCounter& counter);

struct CacheUse {
  Time start;
  Time first_byte;
  std::int64_t tokens_min = 0;
  bool may_read = true;
};
/// Reads and writes the cache as the request's breakpoints say; gives the prompt's buckets (output
/// stays 0).
TokenBuckets use_cache(PromptCache& cache, const Prompt& prompt, const CacheUse& use);

}  // namespace weir::sim::anthropic
