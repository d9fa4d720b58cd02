#pragma once
// A chat completions body, checked as far as the provider checks it.
// Doc: https://developers.openai.com/api/docs/api-reference/chat (checked 2026-11-23, reference
// snapshot).
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "json/value.h"
#include "sim/openai_shape/wire.h"

namespace weir::sim::openai_shape {

/// How long a breakpoint's prefix lives at least since its last use, where nothing else is asked
/// for. Doc: https://developers.openai.com/api/docs/guides/prompt-caching (checked 2026-11-23, by
/// the types of openai 7.57.0).
inline constexpr Duration kBreakpointLife = std::chrono::minutes(30);

struct ChatRequest {
  json::Value body;                               // borrowed from the parser
  std::shared_ptr<json::Parser> owner = nullptr;  // of a body that is not the caller's own
  /// Of the Responses API: the members that its answer repeats. Empty: the answer is a completion.
  std::string echo = {};
  const ModelRow* row = nullptr;
  std::string model;
  std::int64_t output_max = 0;
  std::int64_t choices = 1;
  bool stream = false;
  bool include_usage = false;
  bool flex = false;                  // the batch price, at once
  bool explicit_breakpoints = false;  // prompt_cache_options.mode
  std::string tool;                   // function that must be called; empty: none
  std::optional<json::Value> schema;  // of the answer, or of the tool's arguments
};

/// @param model where the body names none: the batch's.
Checked<ChatRequest> read_chat(const Traits& traits, const PriceTable& prices, json::Value body,
                               std::string_view model = {});
/// What the ttl of a prompt_cache_breakpoint asks for: "30m" (also when there is none) or "12h";
/// nothing for any other.
std::optional<Duration> breakpoint_life(json::Value mark);
/// The model row, or 404 model_not_found.
Checked<const ModelRow*> find_model(const PriceTable& prices, std::string_view model);

}  // namespace weir::sim::openai_shape
