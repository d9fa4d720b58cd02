#include "sim/openai_shape/chat_prompt.h"

#include "base/hash.h"
#include "sim/tokenizer.h"

namespace weir::sim::openai_shape {
namespace {

constexpr std::int64_t kMessageTokens = 4;  // role and separators of a message
constexpr std::int64_t kAnswerTokens = 3;   // the opening of the answer
constexpr std::int64_t kImageTokens = 765;
constexpr std::size_t kRememberBytesMin = 512;
constexpr std::size_t kRememberedMax = 4096;  // then forgotten all at once

// A JSON object without one of its members.
std::string text_without(json::Value object, std::string_view key) {
  std::string out = "{";
  for (const auto member : object.members()) {
    if (member.key == key) continue;
    out.append(member.key).append(":").append(json::Value(member.value).text()).append(",");
  }
  return out + "}";
}

}  // namespace

void PromptReader::walk(State& state, std::string_view text, std::vector<Place>& steps) {
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size();) {
    at = token_end(text, at);
    if (++state.tokens < state.next_step) continue;
    state.hash = hash64(text.substr(from, at - from), state.hash);
    from = at;
    if (state.next_step >= state.least) steps.push_back({state.hash, state.next_step});
    state.next_step += traits_.cache_step;
  }
  state.hash = hash64(text.substr(from), state.hash + 1);
}

// A static part is walked once for all requests that begin alike.
void PromptReader::walk_remembered(State& state, std::string_view text, std::vector<Place>& steps) {
  if (text.size() < kRememberBytesMin) return walk(state, text, steps);
  const std::uint64_t key = hash64(text, state.hash ^ static_cast<std::uint64_t>(state.tokens));
  auto found = known_.find(key);
  if (found == known_.end()) {
    if (known_.size() >= kRememberedMax) known_.clear();
    Walked walked{.end = state};
    walk(walked.end, text, walked.steps);
    found = known_.emplace(key, std::move(walked)).first;
  }
  state = found->second.end;
  steps.insert(steps.end(), found->second.steps.begin(), found->second.steps.end());
}

void PromptReader::read_message(json::Value message, State& state, ChatPrompt& prompt) {
  const auto role = message["role"].string().value_or("");
  state.hash = hash64(role, state.hash + 2);
  state.tokens += kMessageTokens;
  const auto text_part = [&](std::string_view text) {
    walk_remembered(state, text, prompt.steps);
    prompt.parts.push_back({state.hash, state.tokens});
    if (role == "user") {
      if (!prompt.document.empty()) prompt.texts.push_back(prompt.document);
      prompt.document = text;
    } else if (role == "system" || role == "developer") {
      prompt.texts.push_back(text);
    }
  };
  const json::Value content = message["content"];
  if (const auto text = content.string()) {
    text_part(*text);
  }
  for (const auto item : content.items()) {
    const json::Value part(item);
    if (const auto text = part["text"].string()) {
      text_part(*text);
    } else {
      state.hash = hash64(text_without(part, "prompt_cache_breakpoint"), state.hash + 3);
      state.tokens += kImageTokens;
      prompt.parts.push_back({state.hash, state.tokens});
    }
    if (const json::Value mark = part["prompt_cache_breakpoint"]; !mark.is_null())
      prompt.breakpoints.push_back(
          {prompt.parts.size() - 1, breakpoint_life(mark).value_or(kBreakpointLife)});
  }
  for (const std::string_view key : {"tool_calls", "tool_call_id", "name"}) {
    if (message[key].is_null()) continue;
    walk(state, message[key].text(), prompt.steps);
    prompt.parts.push_back({state.hash, state.tokens});
  }
}

ChatPrompt PromptReader::read(const ChatRequest& request, std::string_view account,
                              std::string_view affinity, bool batch) {
  ChatPrompt prompt;
  State state;
  state.next_step = traits_.cache_step;
  state.least = request.row->cache_tokens_min;
  state.hash = hash64(affinity, hash64(account, batch ? 0x0A11 : 0x0A10));
  for (const std::string_view key :
       {"model", "prompt_cache_key", "reasoning_effort", "verbosity", "service_tier"}) {
    const json::Value value = request.body[key];
    state.hash = hash64(value.is_null() ? std::string() : value.text(), state.hash + 1);
  }
  state.hash = hash64(request.row->model, state.hash);
  for (const std::string_view key : {"tools", "response_format"}) {
    const json::Value value = request.body[key];
    if (!value.is_null() && value["type"].string() != "text")
      walk_remembered(state, value.text(), prompt.steps);
  }
  for (const auto item : request.body["messages"].items())
    read_message(json::Value(item), state, prompt);
  prompt.tokens = state.tokens + kAnswerTokens;
  return prompt;
}

}  // namespace weir::sim::openai_shape
