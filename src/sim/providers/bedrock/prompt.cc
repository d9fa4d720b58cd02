#include "sim/providers/bedrock/prompt.h"

#include "base/hash.h"

namespace weir::sim::bedrock {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::size_t kLookBackBlocks = 20;  // the marked block itself is the first
constexpr std::int64_t kImageTokens = 1600;
constexpr std::int64_t kMessageTokens = 4;  // role and separators of a message
constexpr std::int64_t kToolsTokens = 290;  // the hidden system prompt that tools need

class Reader {
 public:
  Reader(const ConverseRequest& request, std::string_view account, TokenCounter& counter)
      : body_(request.body),
        counter_(counter),
        hash_(hash64(request.model.row->model, hash64(account, 0xBED))) {}

  Prompt read() {
    const auto tools = body_["toolConfig"]["tools"];
    if (tools.size() > 0) prompt_.tokens += kToolsTokens;
    for (const auto tool : tools.items()) block(tool);
    // The schema of the answer is put before the system prompt, unseen.
    if (const auto format = body_["outputConfig"]; !format.is_null()) unseen(format.text());
    for (const auto part : body_["system"].items()) {
      block(part);
      if (const auto text = part["text"].string()) prompt_.texts.push_back(*text);
    }
    if (const auto choice = body_["toolConfig"]["toolChoice"]; !choice.is_null())
      hash_ = hash64(choice.text(), hash_ + 1);
    for (const auto message : body_["messages"].items()) read_message(message);
    return std::move(prompt_);
  }

 private:
  void unseen(const std::string& text) {
    hash_ = hash64(text, hash_ + 1);
    prompt_.tokens += counter_.count(text);
  }

  void block(json::Value part) {
    if (const auto point = part["cachePoint"]; !point.is_null()) {
      if (prompt_.blocks.empty()) return;
      prompt_.blocks.back().marked = true;
      prompt_.blocks.back().hour = point["ttl"].string() == "1h";
      return;
    }
    if (const auto text = part["text"].string()) {
      hash_ = hash64(*text, hash_);
      prompt_.tokens += counter_.count(*text);
    } else {
      const std::string text_of_it = part.text();
      hash_ = hash64(text_of_it, hash_ + 2);
      prompt_.tokens += part["image"].is_null() ? counter_.count(text_of_it) : kImageTokens;
    }
    prompt_.blocks.push_back({.key = hash_, .tokens = prompt_.tokens});
  }

  void read_message(json::Value message) {
    const auto role = message["role"].string().value_or("");
    hash_ = hash64(role, hash_ + 1);
    prompt_.tokens += kMessageTokens;
    for (const auto part : message["content"].items()) {
      block(part);
      const auto text = part["text"].string();
      if (!text || role != "user") continue;
      if (!prompt_.document.empty()) prompt_.texts.push_back(prompt_.document);
      prompt_.document = *text;
    }
  }

  json::Value body_;
  TokenCounter& counter_;
  std::uint64_t hash_;
  Prompt prompt_;
};

// The longest prefix that a point finds cached in its look-back.
std::int64_t longest_read(PromptCache& cache, const Prompt& prompt, const CacheUse& use) {
  for (std::size_t end = prompt.blocks.size(); end-- > 0;) {
    if (!prompt.blocks[end].marked || prompt.blocks[end].tokens < use.tokens_min) continue;
    const std::size_t first = end + 1 > kLookBackBlocks ? end + 1 - kLookBackBlocks : 0;
    for (std::size_t i = end + 1; i-- > first;) {
      const Block& block = prompt.blocks[i];
      if (cache.find(block.key, use.start) == nullptr) continue;
      cache.refresh(block.key, use.start);
      return block.tokens;
    }
  }
  return 0;
}

}  // namespace

Prompt read_prompt(const ConverseRequest& request, std::string_view account,
                   TokenCounter& counter) {
  return Reader(request, account, counter).read();
}

TokenBuckets use_cache(PromptCache& cache, const Prompt& prompt, const CacheUse& use) {
  const std::int64_t read = longest_read(cache, prompt, use);
  std::int64_t hour_end = read, end = read;
  for (const Block& block : prompt.blocks) {
    // A shorter prefix than the minimum is silently not cached.
    if (!block.marked || block.tokens < use.tokens_min) continue;
    if (block.tokens <= read) {
      cache.refresh(block.key, use.start);
      continue;
    }
    cache.write(block.key, use.start, use.first_byte,
                block.hour ? Duration(hours(1)) : Duration(minutes(5)));
    if (block.hour) hour_end = block.tokens;
    end = block.tokens;
  }
  return {.input = prompt.tokens - end,
          .cache_read = read,
          .cache_write_5m = end - hour_end,
          .cache_write_1h = hour_end - read};
}

}  // namespace weir::sim::bedrock
