#pragma once
// What is asked and what is answered, for every provider alike. Plain values.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "weir/usage.h"

namespace weir {

/// "The provider may cache the prompt up to here." A hint that the caller sets is never dropped or moved; where any is set, Weir adds
/// none of its own.
struct CacheHint {
  std::optional<std::chrono::seconds>
      ttl;  // unset: the provider's default; else 5 min or 1 h, rounded up
  friend bool operator==(const CacheHint&, const CacheHint&) = default;
};

struct Text {
  std::string text;  // UTF-8
  std::optional<CacheHint> cache = std::nullopt;
  friend bool operator==(const Text&, const Text&) = default;
};

/// Either bytes (`data`, base64, with `media_type`) or a `url` that is passed on; Weir never fetches it.
struct Image {
  std::string media_type;  // "image/png"
  std::string data;
  std::string url = {};
  friend bool operator==(const Image&, const Image&) = default;
};

/// What the model wants called; in an answer, and in the conversation that goes on from it.
struct ToolCall {
  std::string id, name;
  std::string arguments;  // a JSON object
  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

struct ToolResult {
  std::string call_id;  // of the ToolCall
  std::string text;
  bool is_error = false;
  friend bool operator==(const ToolResult&, const ToolResult&) = default;
};

using Part = std::variant<Text, Image, ToolCall, ToolResult>;

enum class Role : std::uint8_t { kUser, kAssistant };

struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;
  friend bool operator==(const Message&, const Message&) = default;
};

struct Tool {
  std::string name, description;
  std::string parameters;  // a JSON Schema (an object)
  std::optional<CacheHint> cache = std::nullopt;
  friend bool operator==(const Tool&, const Tool&) = default;
};

struct ToolChoice {
  enum class Kind : std::uint8_t { kAuto, kNone, kRequired, kNamed };
  Kind kind = Kind::kAuto;
  std::string name = {};  // kNamed
  friend bool operator==(const ToolChoice&, const ToolChoice&) = default;
};

struct Request {
  std::vector<Text> system;
  std::vector<Message> messages;
  std::vector<Tool> tools = {};
  ToolChoice tool_choice = {};
  std::string answer_schema =
      {};  // a JSON Schema: the answer is JSON of it, checked; empty: free text
  std::optional<Tokens> output_max = std::nullopt;  // unset: ModelOptions::output_max
  std::optional<double> temperature = std::nullopt, top_p = std::nullopt;
  std::optional<std::int64_t> seed = std::nullopt;
  std::vector<std::string> stop = {};  // sequences
  friend bool operator==(const Request&, const Request&) = default;
};

/// A request of one user text, with a system text before it unless that is empty.
WEIR_API Request ask(std::string user, std::string system = {});

enum class CacheOutcome : std::uint8_t {
  kNone,   // nothing was to be cached
  kWrite,  // a prefix was written
  kHit,    // cached tokens were read
  kMiss    // a prefix was marked, and neither written nor read
};
/// "none", "write", "hit", "miss"
WEIR_API std::string_view to_string(CacheOutcome outcome);

struct Response {
  std::string text;  // all text of the answer, joined
  std::string json;  // the answer as checked JSON, where the request has an answer_schema
  std::vector<ToolCall> tool_calls;
  FinishReason finish_reason = FinishReason::kOther;
  Usage usage;
  Money
      cost;  // of this attempt, by the catalogue's prices; 0 where the model has none (a base of the user's own)
  Money baseline;  // the same tokens sync and uncached
  Route route = Route::kSync;
  CacheOutcome cache_outcome = CacheOutcome::kNone;
  std::string
      fallback_reason;  // why the standard path was taken instead of an optimised one; empty: it was not
  std::uint32_t attempts = 1;  // tries that reached the provider
  std::string model;           // as the provider names it
  std::string
      raw;  // the provider's answer body as it came; empty on the batch route and for streams, whose bytes are not kept
};

/// Of one call.
struct CallOptions {
  /// From now, by the engine's clock. Of batch(): unfinished slots are then kDeadlineExceeded, and the job runs on.
  std::optional<std::chrono::microseconds> deadline = std::nullopt;
  bool urgent = false;  // passes gathering; goes first within the account's limits
  std::string workload =
      {};  // a name for metrics and for the configuration's policy, at most 64 characters
  std::string idempotency_key =
      {};  // submit(): the same key gives the job that it began, at most 200 characters
  std::uint32_t concurrency_max = 8;  // requests in flight, where a batch goes one by one; 1 to 512
};

}  // namespace weir
