#include "sim/gemini_shape/prompt.h"

#include "base/hash.h"

namespace weir::sim::gemini_shape {
namespace {

// Doc: https://ai.google.dev/gemini-api/docs/image-understanding (checked 2026-11-28): 258 for an
// image of at most 384 pixels a side. Sizes are not looked at.
constexpr std::int64_t kImageTokens = 258;
constexpr std::int64_t kTurnTokens = 1;

class Reader {
 public:
  Reader(PrefixWalker& walker, const GenerateRequest& request, std::uint64_t root)
      : walker_(walker),
        request_(request),
        state_(walker.begin(root, request.row->cache_tokens_min)) {}

  Prompt read() {
    const json::Value body = request_.body;
    read_front(request_.cached.is_null() ? body : request_.cached);
    if (!request_.cached.is_null()) {
      for (const auto item : request_.cached["contents"].items()) read_content(item);
      prompt_.held = state_.tokens;
    }
    const json::Value config = member(body, "generationConfig");
    for (const std::string_view name : {"responseSchema", "responseJsonSchema"})
      if (const auto value = member(config, name); !value.is_null()) walk(value.text());
    for (const auto item : body["contents"].items()) read_content(item);
    prompt_.tokens = state_.tokens;
    return std::move(prompt_);
  }

 private:
  void read_front(json::Value body) {
    for (const auto item : member(body, "systemInstruction")["parts"].items()) {
      const auto text = item["text"].string().value_or("");
      prompt_.texts.push_back(text);
      walk(text);
    }
    for (const std::string_view name : {"tools", "toolConfig"})
      if (const auto value = member(body, name); !value.is_null()) walk(value.text());
  }

  void walk(std::string_view text) { walker_.walk(state_, text, prompt_.places); }

  void read_content(json::Value content) {
    const auto role = content["role"].string().value_or("user");
    state_.hash = hash64(role, state_.hash + 2);
    state_.tokens += kTurnTokens;
    for (const auto part : content["parts"].items()) {
      if (const auto text = part["text"].string()) {
        walk(*text);
        if (role != "user") continue;
        if (!prompt_.document.empty()) prompt_.texts.push_back(prompt_.document);
        prompt_.document = *text;
      } else if (member(part, "inlineData").is_object() || member(part, "fileData").is_object()) {
        state_.hash = hash64(part.text(), state_.hash + 3);
        state_.tokens += kImageTokens;
        prompt_.image_tokens += kImageTokens;
      } else {
        walk(part.text());
      }
    }
  }

  PrefixWalker& walker_;
  const GenerateRequest& request_;
  PrefixWalker::State state_;
  Prompt prompt_;
};

}  // namespace

Prompt read_prompt(PrefixWalker& walker, const GenerateRequest& request, std::uint64_t root) {
  return Reader(walker, request, root).read();
}

}  // namespace weir::sim::gemini_shape
