#pragma once
// Ollama's native chat format: request bodies, answers, streams of NDJSON, errors. Pure functions over values, thread-safe.
// Doc: https://github.com/ollama/ollama/blob/main/docs/api.md (checked 2026-11-23)
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "provider/adapter.h"
#include "provider/openai_chat_dialect.h"

namespace weir::providers::ollama {

/// A minified JSON object on one line; the same request gives the same bytes. `truncate` and `shift` are always false: Ollama's
/// default is to drop what does not fit into the model's context without a word.
/// @error kInvalidArgument no model, parts that llm::check_parts() refuses; kUnsupported ready-made bodies, images by URL, a
/// tool_choice, marks, a tool result with is_error: the format has none of them.
[[nodiscard]] Result<std::string> encode_body(const llm::Request& request);

/// The body of a sync answer with any status, as Adapter::decode_sync says.
[[nodiscard]] Result<llm::Response> decode_answer(const http::Response& response, Time now);

/// {"model","created_at","message":{…},"done":true,"done_reason","prompt_eval_count","eval_count",…}. A count that is missing is
/// 0: the prompt's is, where its prefix was still in memory. @error kBadResponse no message, or not done.
[[nodiscard]] Result<llm::Response> decode_chat(json::Value body);

/// As Adapter::tool_calls. Older servers give calls no id: then it is call_0, call_1, …
/// @error kBadResponse not an array, or a call without its name.
[[nodiscard]] Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json);

/// Lines of NDJSON up to the one with "done":true. An error line after the answer began is kDeadlineExceeded.
[[nodiscard]] std::unique_ptr<provider::StreamDecoder> stream_decoder();

/// The error of {"error":"text"}: by the words where they tell more than the status.
[[nodiscard]] const provider::openai_chat::Options& error_options();

}  // namespace weir::providers::ollama
