#pragma once
// Cohere's chat format, version 2: request bodies, answers, streams. Pure functions over values, thread-safe.
// Docs (reference of 2026-11-23): https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/chat-stream,
// https://docs.cohere.com/docs/structured-outputs
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "provider/adapter.h"

namespace weir::providers::cohere {

/// A minified JSON object on one line; the same request gives the same bytes. In a batch (llm::Route::kBatch) it is the body of a
/// row of a batch-chat-v2-input dataset, which is another format: contents are lists of parts, an image is its bare URL, the
/// parameters of a tool are JSON within a text, and there is neither model nor stream.
/// @error kInvalidArgument no model, parts that llm::check_parts() refuses; kUnsupported ready-made bodies, marks, a tool that must be
/// called by its name, a tool result with is_error, an answer's schema beside tools; and in a batch a schema, stop sequences and a
/// tool_choice: the format has none of them.
[[nodiscard]] Result<std::string> encode_body(const llm::Request& request, llm::Route route);

/// The body of a sync answer with any status, as Adapter::decode_sync says.
[[nodiscard]] Result<llm::Response> decode_answer(const http::Response& response, Time now);

/// {"id","finish_reason","message":{"role","content":[{"type":"text","text"}],"tool_plan","tool_calls"},"usage"}. Thoughts and the
/// tool plan are no part of the text. Members that are null count as missing: rows of batches have all of them.
/// @error kBadResponse no message, or no usage: an answer without usage is never booked as free.
[[nodiscard]] Result<llm::Response> decode_chat(json::Value body);

/// {"billed_units":{"input_tokens":3.0,"output_tokens":3.0},"tokens":{…},"cached_tokens":0.0}. What is billed counts, which leaves
/// the provider's own preamble out; `tokens` only where it says nothing else. Cached tokens are a part of the input and cost as much.
[[nodiscard]] llm::Usage decode_usage(json::Value usage);
/// Whether there is anything to count.
[[nodiscard]] bool has_usage(json::Value usage);

/// As Adapter::tool_calls. @error kBadResponse not an array, or a call without its id or name.
[[nodiscard]] Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json);

/// Events up to message-end, which has the usage; there is no [DONE]. An error after the answer began is kDeadlineExceeded.
[[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder();

/// The JSON of {"id","type":"function","function":{"name","arguments"}} calls, as answers have it.
struct CallPieces {
  std::string id, name, arguments;
};
[[nodiscard]] std::string calls_json(const std::vector<CallPieces>& calls);

[[nodiscard]] llm::FinishReason finish_of(std::string_view word);

}  // namespace weir::providers::cohere
