#pragma once
// The Anthropic Messages wire format: request bodies out, messages, usage, errors and streams in.
// Shared by every provider that speaks it; what differs between them (paths, headers, which error
// is which kind) stays in their adapters. Pure functions, thread-safe; a stream decoder belongs to
// one stream. Deliberately not here: HTTP, batches, prices. Doc:
// https://platform.claude.com/docs/en/api/messages (checked 2026-11-23)
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/patch.h"
#include "json/value.h"
#include "llm/types.h"
#include "provider/adapter.h"

namespace weir::provider::anthropic_dialect {

/// Breakpoints that one request may carry.
/// Doc: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (checked 2026-11-23)
inline constexpr std::size_t kBreakpointsMax = 4;

/// Appends the JSON body of a Messages request. Same request, same bytes: the keys stand in one
/// fixed order. A raw body passes byte for byte; only `model` and `stream` are set where they
/// differ from the request's, and RawBody::marks are put behind their blocks.
/// @error kInvalidArgument output_max is missing, more than kBreakpointsMax marks, a 1h mark after
/// a 5m mark, parts that llm::check_parts() refuses, a raw body that is no JSON object, or one of
/// its marks cannot be set (the body has markers of its own; the block is not there, not markable,
/// marked twice); kUnsupported a raw body of another dialect, a seed.
/// `out` is unchanged on error.
Result<void> append_body(const llm::Request& request, std::string& out);

/// The blocks of a raw body: tools, system, messages. Markable are tools that are not deferred, and
/// of texts that are not blank, images, documents, search results, tool uses and their results.
/// @error as Adapter::raw_blocks. Doc:
/// https://platform.claude.com/docs/en/build-with-claude/prompt-caching (checked 2026-11-23)
Result<RawBlocks> raw_blocks(const llm::RawBody& raw);

/// @error kUnsupported the raw body is of another dialect.
Result<void> check_dialect(const llm::RawBody& raw);

/// Appends the edits that RawBody::marks ask for. @error as append_body.
Result<void> append_mark_edits(const llm::RawBody& raw, std::vector<json::Edit>& edits);

/// The lifetime as it is written: the wire knows no default, so what the planner leaves open is 5m.
llm::CacheTtl written_ttl(llm::CacheTtl ttl);

/// Whether a raw body of this dialect asks for a streamed answer.
bool asks_for_stream(const llm::RawBody& raw);

/// Tokens in exclusive buckets. Missing or negative counts are 0; a cache write whose TTL is not
/// told counts as 5m. Doc: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
/// (checked 2026-11-23)
llm::Usage decode_usage(json::Value usage);

/// A whole message object. `raw` is the text of `message`: tool calls and usage are kept as they
/// stand in it. The wire has no creation time, so Response::created stays empty.
/// @error kBadResponse not a message: no content array or no usage object.
Result<llm::Response> decode_message(json::Value message, std::string_view raw);

llm::FinishReason finish_of(std::string_view stop_reason);

/// Response::tool_calls_json of this dialect, as Adapter::tool_calls() says.
/// @error kBadResponse not an array, or a call without its id or name.
Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json);

/// The tools, the system prompt, the messages; all but thinking can be marked. Doc:
/// https://platform.claude.com/docs/en/build-with-claude/prompt-caching (checked 2026-11-23)
inline constexpr PrefixRules kPrefixRules{.marks_tools = true,
                                          .marks_images = true,
                                          .marks_tool_calls = true,
                                          .choice_and_images_from_messages = true};

/// `{"type":"error","error":{"type":…,"message":…,"details":{"error_code":…}},"request_id":…}`;
/// absent fields are empty. The texts are cut to a bounded length and carry no control characters.
struct WireError {
  std::string type, message, detail_code, request_id;
};
WireError decode_error(json::Value root);

/// How a provider of this dialect reads an error that came without an HTTP status (streams, rows).
using ErrorOf = Error (*)(const WireError& error);

/// Decodes the named events of a stream. An error event after the message began is
/// kDeadlineExceeded where its own kind would allow another try: part of the answer may be billed.
/// A stream without message_stop is kDeadlineExceeded. Doc:
/// https://platform.claude.com/docs/en/build-with-claude/streaming (checked 2026-11-23)
std::unique_ptr<StreamDecoder> make_stream_decoder(ErrorOf error_of);

}  // namespace weir::provider::anthropic_dialect
