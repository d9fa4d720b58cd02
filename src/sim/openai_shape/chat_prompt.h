#pragma once
// The prompt of a chat request as one sequence of tokens, and where in it a cache may be read and
// written. Order: tools, answer schema, messages. What changes the model's state without being text
// (reasoning effort, service tier, cache key ...) is part of the root, so that it never shares a
// prefix with another value. Doc: https://developers.openai.com/api/docs/guides/prompt-caching
// (checked 2026-11-23, reference snapshot).
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/openai_shape/chat_request.h"

namespace weir::sim::openai_shape {

/// A place in the prompt: everything before it has this key and so many tokens.
struct Place {
  std::uint64_t key = 0;
  std::int64_t tokens = 0;
};

/// A mark of the caller at the end of a part, and how long it asks for what is cached there to live.
struct Breakpoint {
  std::size_t part = 0;
  Duration life{0};
};

struct ChatPrompt {
  std::int64_t tokens = 0;
  std::vector<Place> steps;  // every Traits::cache_step tokens, from the model's minimum on
  std::vector<Place> parts;  // the end of every content part
  std::vector<Breakpoint> breakpoints;  // the caller's, in order
  std::vector<std::string_view> texts;  // all texts but the last user text, in order
  std::string_view document;            // the last text of the last user message
};

class PromptReader {
 public:
  explicit PromptReader(const Traits& traits) : traits_(traits) {}
  /// Views of the result borrow from the request's parser. @param affinity what else keeps caches apart.
  ChatPrompt read(const ChatRequest& request, std::string_view account, std::string_view affinity,
                  bool batch);

 private:
  struct State {
    std::uint64_t hash = 0;
    std::int64_t tokens = 0;
    std::int64_t next_step = 0;
    std::int64_t least = 0;  // steps below it are none
  };
  struct Walked {
    State end;
    std::vector<Place> steps;
  };
  void walk(State& state, std::string_view text, std::vector<Place>& steps);
  void walk_remembered(State& state, std::string_view text, std::vector<Place>& steps);
  void read_message(json::Value message, State& state, ChatPrompt& prompt);
  const Traits& traits_;
  std::unordered_map<std::uint64_t, Walked> known_;
};

}  // namespace weir::sim::openai_shape
