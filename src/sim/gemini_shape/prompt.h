#pragma once
// The prompt of a request in the order in which implicit caching compares it: system instruction,
// tools, answer schema, contents. Doc: https://ai.google.dev/gemini-api/docs/caching (checked
// 2026-11-23, reference snapshot): common content at the beginning.
#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/gemini_shape/generate_request.h"
#include "sim/prefix_walker.h"

namespace weir::sim::gemini_shape {

struct Prompt {
  std::int64_t tokens = 0;
  std::int64_t image_tokens = 0;            // of them
  std::int64_t held = 0;                    // of them, by the cached content
  std::vector<PrefixWalker::Place> places;  // where a cache may be read and written
  std::vector<std::string_view> texts;      // all texts but the last user text, in order
  std::string_view document;                // the last text of the last user content
};

/// Views of the result borrow from the request's parser. @param root what keeps caches apart
Prompt read_prompt(PrefixWalker& walker, const GenerateRequest& request, std::uint64_t root);

}  // namespace weir::sim::gemini_shape
