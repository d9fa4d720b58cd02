#include "sim/providers/anthropic/cache_control.h"

#include <algorithm>

#include "base/hash.h"

namespace weir::sim::anthropic {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::size_t kBreakpointsMax = 4;
constexpr std::size_t kLookBackBlocks = 20;  // the breakpoint itself is the first
constexpr std::int64_t kImageTokens = 1600;
constexpr std::int64_t kMessageTokens = 4;  // role and separators of a message
constexpr std::int64_t kToolsTokens = 290;  // the hidden system prompt that tools need

Duration life_of(Ttl ttl) { return ttl == Ttl::kHour ? Duration(hours(1)) : Duration(minutes(5)); }

struct Marker {
  std::string place;
  json::Value control;
};

// All markers in prompt order.
std::vector<Marker> markers_of(json::Value body) {
  std::vector<Marker> out;
  const auto collect = [&](json::Value blocks, const std::string& where) {
    std::size_t index = 0;
    for (const auto item : blocks.items()) {
      const json::Value control = json::Value(item)["cache_control"];
      if (!control.is_null()) out.push_back({where + "." + std::to_string(index), control});
      ++index;
    }
  };
  collect(body["tools"], "tools");
  collect(body["system"], "system");
  std::size_t index = 0;
  for (const auto item : body["messages"].items())
    collect(json::Value(item)["content"], "messages." + std::to_string(index++) + ".content");
  return out;
}

Checked<Ttl> read_control(json::Value control, const std::string& place) {
  if (control["type"].string() != "ephemeral")
    return refuse(place + ".cache_control.type: Input should be 'ephemeral'");
  const json::Value ttl = control["ttl"];
  if (ttl.is_null() || ttl.string() == "5m") return Ttl::kFiveMinutes;
  if (ttl.string() == "1h") return Ttl::kHour;
  return refuse(place + ".cache_control.ttl: Input should be '5m' or '1h'");
}

// The block that a top-level cache_control marks: the last one of the prompt.
json::Value last_block(json::Value body) {
  json::Value content, block;
  for (const auto item : body["messages"].items()) content = json::Value(item)["content"];
  for (const auto item : content.items()) block = json::Value(item);
  return block;
}

// Builds the chain of prefixes.
class PromptBuilder {
 public:
  PromptBuilder(Prompt& prompt, TokenCounter& counter, std::uint64_t root)
      : prompt_(prompt), counter_(counter), hash_(root) {}

  void mix(std::string_view text) { hash_ = hash64(text, hash_ + 1); }
  void add_tokens(std::int64_t tokens) { tokens_ += tokens; }
  [[nodiscard]] std::int64_t tokens() const { return tokens_; }

  void text_block(std::string_view text, json::Value control) {
    hash_ = hash64(text, hash_);
    tokens_ += counter_.count(text);
    close(control);
  }
  void other_block(json::Value block) {
    std::string rest = "{";
    for (const auto member : block.members()) {
      if (member.key == "cache_control") continue;
      rest.append(member.key).append(":").append(json::Value(member.value).text()).append(",");
    }
    const auto type = block["type"].string().value_or("");
    hash_ = hash64(rest, hash_ + 2);
    tokens_ += type == "image" || type == "document" ? kImageTokens : counter_.count(rest);
    close(block["cache_control"]);
  }

 private:
  void close(json::Value control) {
    Block block{.key = hash_, .tokens = tokens_};
    if (!control.is_null())
      block.mark = control["ttl"].string() == "1h" ? Ttl::kHour : Ttl::kFiveMinutes;
    prompt_.blocks.push_back(block);
  }
  Prompt& prompt_;
  TokenCounter& counter_;
  std::uint64_t hash_;
  std::int64_t tokens_ = 0;
};

void read_messages(json::Value body, Prompt& prompt, PromptBuilder& builder) {
  // What is no block but changes how messages are read: other values share no message prefix.
  for (const std::string_view key : {"tool_choice", "thinking"})
    if (!body[key].is_null()) builder.mix(body[key].text());
  if (const json::Value effort = body["output_config"]["effort"]; !effort.is_null())
    builder.mix(effort.text());
  for (const auto item : body["messages"].items()) {
    const json::Value message(item);
    const auto role = message["role"].string().value_or("");
    builder.mix(role);
    builder.add_tokens(kMessageTokens);
    const auto text_block = [&](std::string_view text, json::Value control) {
      builder.text_block(text, control);
      if (role != "user") return;
      if (!prompt.document.empty()) prompt.texts.push_back(prompt.document);
      prompt.document = text;
    };
    if (const auto text = message["content"].string()) text_block(*text, json::Value());
    for (const auto part : message["content"].items()) {
      const json::Value block(part);
      if (block["type"].string() == "text")
        text_block(block["text"].string().value_or(""), block["cache_control"]);
      else builder.other_block(block);
    }
  }
}

}  // namespace

Checked<void> check_cache_control(json::Value body) {
  const auto markers = markers_of(body);
  const json::Value automatic = body["cache_control"];
  if (markers.size() > kBreakpointsMax)
    return refuse("A maximum of 4 blocks with cache_control may be provided. Found " +
                  std::to_string(markers.size()) + ".");
  std::optional<Ttl> before;
  const auto in_order = [&](Ttl ttl, const std::string& place) -> Checked<void> {
    if (ttl == Ttl::kHour && before == Ttl::kFiveMinutes)
      return refuse(
          place +
          ".cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
          "cache_control block. Note that blocks are processed in the following order: `tools`, "
          "`system`, "
          "`messages`.");
    before = ttl;
    return {};
  };
  for (const auto& marker : markers) {
    const auto ttl = read_control(marker.control, marker.place);
    if (!ttl) return std::unexpected(ttl.error());
    if (auto done = in_order(*ttl, marker.place); !done) return done;
  }
  if (automatic.is_null()) return {};
  const auto ttl = read_control(automatic, "request");
  if (!ttl) return std::unexpected(ttl.error());
  const json::Value own = last_block(body)["cache_control"];
  if (!own.is_null()) {
    if (*read_control(own, "") != *ttl)
      return refuse("cache_control: the last block is marked with a different ttl");
    return {};
  }
  if (markers.size() == kBreakpointsMax)
    return refuse(
        "cache_control: automatic caching needs one of the 4 cache_control blocks, and all are "
        "used.");
  return in_order(*ttl, "request");
}

Prompt read_prompt(json::Value body, std::string_view model, std::string_view account, bool batch,
                   TokenCounter& counter) {
  Prompt prompt;
  PromptBuilder builder(prompt, counter, hash64(model, hash64(account, batch ? 0xB1 : 0xB0)));
  if (body["tools"].size() > 0) builder.add_tokens(kToolsTokens);
  for (const auto item : body["tools"].items()) builder.other_block(json::Value(item));
  // The schema of the answer is put before the system prompt, unseen.
  if (const json::Value format = body["output_config"]["format"]; !format.is_null()) {
    const std::string text = format.text();
    builder.mix(text);
    builder.add_tokens(counter.count(text));
  }
  const json::Value system = body["system"];
  if (const auto text = system.string()) {
    builder.text_block(*text, json::Value());
    prompt.texts.push_back(*text);
  }
  for (const auto item : system.items()) {
    const json::Value block(item);
    builder.text_block(block["text"].string().value_or(""), block["cache_control"]);
    prompt.texts.push_back(block["text"].string().value_or(""));
  }
  read_messages(body, prompt, builder);
  // Automatic caching marks the last block.
  if (const json::Value automatic = body["cache_control"];
      !automatic.is_null() && !prompt.blocks.empty())
    prompt.blocks.back().mark = automatic["ttl"].string() == "1h" ? Ttl::kHour : Ttl::kFiveMinutes;
  prompt.tokens = builder.tokens();
  return prompt;
}

TokenBuckets use_cache(PromptCache& cache, const Prompt& prompt, const CacheUse& use) {
  std::vector<std::size_t> breakpoints;  // a shorter prefix than the minimum is silently not cached
  for (std::size_t i = 0; i < prompt.blocks.size(); ++i)
    if (prompt.blocks[i].mark && prompt.blocks[i].tokens >= use.tokens_min)
      breakpoints.push_back(i);
  // A: the longest prefix that a breakpoint finds in its look-back.
  std::int64_t read = 0;
  for (auto mark = breakpoints.rbegin(); use.may_read && read == 0 && mark != breakpoints.rend();
       ++mark) {
    const std::size_t last = *mark + 1 > kLookBackBlocks ? *mark + 1 - kLookBackBlocks : 0;
    for (std::size_t i = *mark + 1; i-- > last && read == 0;) {
      if (cache.find(prompt.blocks[i].key, use.start) == nullptr) continue;
      read = prompt.blocks[i].tokens;
      cache.refresh(prompt.blocks[i].key, use.start);
    }
  }
  // B: the last 1h breakpoint behind A; C: the last breakpoint.
  std::int64_t hour_end = read, end = read;
  for (const std::size_t i : breakpoints) {
    const Block& block = prompt.blocks[i];
    if (block.tokens <= read) {
      cache.refresh(block.key, use.start);
      continue;
    }
    cache.write(block.key, use.start, use.first_byte, life_of(*block.mark));
    if (*block.mark == Ttl::kHour) hour_end = block.tokens;
    end = block.tokens;
  }
  TokenBuckets tokens;
  tokens.cache_read = read;
  tokens.cache_write_1h = hour_end - read;
  tokens.cache_write_5m = end - hour_end;
  tokens.input = prompt.tokens - end;
  return tokens;
}

}  // namespace weir::sim::anthropic
