#pragma once
// The wire format of OpenAI's Responses API: request bodies from llm::Request, answers and streams back to provider-neutral
// values, and ready-made bodies. What differs between its providers is openai_chat::Options, as errors, keys and caches are
// those of chat completions. Pure functions over values, thread-safe, no clock. Docs (checked 2026-11-27):
// https://developers.openai.com/api/reference/resources/responses, the types of the npm package openai 7.57.0
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/patch.h"
#include "json/value.h"
#include "llm/types.h"
#include "provider/adapter.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_responses {

using openai_chat::Options;

/// The request body: a minified JSON object on one line; the same request gives the same bytes. Nothing is stored at the
/// provider ("store":false), and what a tool promises of its arguments is as in chat completions ("strict":false). The system
/// prompt is `instructions`; where breakpoints may be set it is the first item of `input`, because instructions carry none. A
/// raw body passes byte for byte, but for its `model` where it differs, breakpoints of ours, and (batch) line ends, which
/// become spaces.
/// @error kInvalidArgument no model, a mark with a TTL of 1h, parts that llm::check_parts() refuses, a raw body that is no
/// JSON object, that repeats a key, whose `stream` contradicts the request, or one of whose marks cannot be set; kUnsupported
/// what the format has no word for: seed, stop, a failed tool result, marks on tools, tool calls and the assistant's texts,
/// marks without Options::breakpoints; a raw body of another dialect, or one with `background`, whose answer is no answer.
[[nodiscard]] Result<std::string> encode_body(const Options& options, const llm::Request& request,
                                              llm::Route route);

/// The blocks of a raw body: tools, schema and instructions as one, then the contents of the items of `input`. Markable, where
/// Options::breakpoints, are texts that are not blank, of users, systems and tools. @error as Adapter::raw_blocks.
[[nodiscard]] Result<RawBlocks> raw_blocks(const Options& options, const llm::RawBody& raw);

/// Appends the edits that RawBody::marks and the policy ask for. `raw` has been parsed as an object. @error as encode_body.
[[nodiscard]] Result<void> append_cache_edits(const Options& options, const llm::RawBody& raw,
                                              llm::CachePolicy policy,
                                              std::vector<json::Edit>& edits);

/// @error kUnsupported the raw body is of another dialect.
[[nodiscard]] Result<void> check_dialect(const Options& options, const llm::RawBody& raw);

/// Whether an answer is a `response` object, not a chat completion.
[[nodiscard]] bool is_response(json::Value body);

/// A response object. The text is that of all `output_text` parts; a refusal becomes the text and FinishReason::kRefusal;
/// tool_calls_json is the array of the `function_call` and `custom_tool_call` items.
/// @param output the items, where the object itself has none (streams of some servers).
/// @error of a failed response its own error, as kDeadlineExceeded where it was counted: whether it is billed no document
/// says; kCancelled; kBadResponse no output or no usage, or an answer that has not ended.
[[nodiscard]] Result<llm::Response> decode_response(const Options& options, json::Value body,
                                                    json::Value output = {});

/// input_tokens includes cached_tokens and cache_write_tokens, output_tokens the reasoning; missing fields count 0.
[[nodiscard]] llm::Usage decode_usage(json::Value usage);

/// Whether Response::tool_calls_json is of this dialect.
[[nodiscard]] bool are_calls(std::string_view calls_json);
/// As Adapter::tool_calls() says; the id of a call is its call_id. @error kBadResponse not an array, or a call without its
/// call_id or name.
[[nodiscard]] Result<std::vector<llm::ToolCall>> decode_tool_calls(const Options& options,
                                                                   std::string_view calls_json);

/// Semantic events up to response.completed, response.incomplete or response.failed. An error after the first item began is
/// kDeadlineExceeded: whether the part that came is billed is unknown.
/// Doc: https://developers.openai.com/api/docs/guides/streaming-responses (checked 2026-11-27)
[[nodiscard]] std::unique_ptr<StreamDecoder> stream_decoder(const Options& options);
/// Of whichever of the two formats the first event is: a ready-made body chooses by itself.
[[nodiscard]] std::unique_ptr<StreamDecoder> either_stream_decoder(const Options& options);

}  // namespace weir::provider::openai_responses
