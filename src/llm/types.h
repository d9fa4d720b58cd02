#pragma once
// Provider-neutral values: what is asked and what is answered. Plain data, no behaviour; adapters translate them to the wire.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/units.h"

namespace weir::llm {

using weir::to_string;

/// How long a provider keeps a written prefix. kDefault is the provider's own (Anthropic 5m, OpenAI 30m).
enum class CacheTtl : std::uint8_t { kDefault, k5m, k1h };
std::string_view to_string(CacheTtl ttl);

/// A breakpoint at the end of a block: the provider may write (and read) the prefix that ends here.
struct CacheMark {
  CacheTtl ttl = CacheTtl::kDefault;
};

/// A picture: its bytes, or where they are. A URL is passed on, and never fetched by Weir.
struct Image {
  std::string media_type;  // of the data: image/png
  std::string data;        // base64
  std::string url;         // instead of both
};

/// The model asks for a tool: in an answer, and as part of the assistant's message when the conversation goes on.
struct ToolCall {
  std::string id, name;
  std::string arguments_json;  // a JSON object
  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

/// What the caller's tool gave back.
struct ToolResult {
  std::string tool_call_id, text;
  bool is_error = false;
};

/// A text; or one of image, tool_call and tool_result, and then without text. What may stand where: check_parts().
struct Block {
  std::string text;
  std::optional<CacheMark> mark = std::nullopt;
  bool goes_on =
      false;  // the next block is a piece of the same text: joined, unless a mark stands between them
  std::optional<Image> image = std::nullopt;
  std::optional<ToolCall> tool_call = std::nullopt;
  std::optional<ToolResult> tool_result = std::nullopt;
  [[nodiscard]] bool is_text() const { return !image && !tool_call && !tool_result; }
};

enum class Role : std::uint8_t { kUser, kAssistant };
struct Message {
  Role role = Role::kUser;
  std::vector<Block> content;
};

/// A function that the model may ask for.
struct Tool {
  std::string name, description;                 // the description may be empty
  std::string parameters_json;                   // JSON Schema of its arguments: a JSON object
  std::optional<CacheMark> mark = std::nullopt;  // at its end
};

/// Whether the model asks for tools. kAuto, the providers' own default, is not written.
struct ToolChoice {
  enum class Kind : std::uint8_t { kAuto, kNone, kRequired, kNamed };
  Kind kind = Kind::kAuto;
  std::string name;  // of kNamed
};

/// The answer must be JSON of this schema (structured output).
struct AnswerFormat {
  std::string name;         // [a-zA-Z0-9_-]{1,64}
  std::string schema_json;  // validated JSON Schema text
};

/// What the cache planner decided for a request.
enum class CachePolicy : std::uint8_t {
  kUntouched,  // nothing of ours: the provider's default, the caller's own markers
  kMarked,     // the marks in the blocks are ours
  kSuppressed  // keep the provider from writing (where it charges for automatic writes)
};

/// A wire format that ready-made request bodies come in.
enum class Dialect : std::uint8_t { kOpenAIChat, kAnthropicMessages, kOpenAIResponses };
std::string_view to_string(Dialect dialect);

/// A breakpoint of ours in a ready-made body: behind its block-th block, counted as Adapter::raw_blocks() lists them.
struct RawMark {
  std::uint32_t block = 0;
  CacheTtl ttl = CacheTtl::kDefault;
};

/// A ready-made body: passes byte for byte but for what Weir must set (json::patch).
struct RawBody {
  Dialect dialect = Dialect::kOpenAIChat;
  std::string bytes;                // validated JSON object
  std::vector<RawMark> marks = {};  // only where the caller set none of their own
};

/// What a provider cannot be told is refused as kUnsupported, never left out.
struct Request {
  std::string model;  // the provider's name of it
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  std::vector<Block> system;
  std::vector<Message> messages;
  std::optional<Tokens> output_max;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stop;  // the answer ends ahead of the first of these
  std::optional<AnswerFormat> format;
  CachePolicy cache = CachePolicy::kUntouched;
  std::string
      cache_key;  // routing hint for providers that take one, at most 64 characters; may be empty
  bool stream = false;
  std::optional<RawBody> raw;  // when set, all that it says itself is empty here
};

/// Whether a part carries a mark: before the planner has set any, the caller's own.
bool has_marks(const Request& request);
/// Joins the pieces of a text between which no mark stands. What is no text ends it.
void join_pieces(Request& request);

using weir::FinishReason;
using weir::Route;
using weir::Usage;

struct Response {
  std::string id;
  std::string model;
  std::string text;             // all text blocks joined
  std::string tool_calls_json;  // the provider's array, for Adapter::tool_calls(); may be empty
  FinishReason finish = FinishReason::kOther;
  std::string finish_raw;  // the provider's word
  Usage usage;
  std::string usage_raw;        // the provider's usage object, so that cost can be recomputed
  std::optional<Time> created;  // the provider's creation time, where it tells
};

}  // namespace weir::llm
