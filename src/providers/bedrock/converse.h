#pragma once
// The Converse wire format: request bodies out, messages, usage and streams in. The same for a sync request and for a row of a batch.
// Docs (reference of 2026-11-23): https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
// https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "llm/types.h"
#include "provider/adapter.h"

namespace weir::providers::bedrock {

/// Breakpoints that one request may carry.
inline constexpr std::size_t kBreakpointsMax = 4;

/// Appends the body: {"messages":…,"system":…,"inferenceConfig":…,"toolConfig":…,"outputConfig":…}. Same request, same bytes. Cache points are hints,
/// and a batch knows none: there they are left out.
/// @error kInvalidArgument parts that llm::check_parts() refuses, more than kBreakpointsMax marks, a 1h mark behind a 5m mark; kUnsupported a ready-made
/// body, a seed, tools that must not be called, an image that is no PNG, JPEG, GIF or WebP or stands behind a URL that is none of S3, an
/// answer format or a 1h mark for one of Amazon's models. `out` is unchanged on error.
Result<void> append_body(const llm::Request& request, llm::Route route, std::string& out);

/// Tokens in exclusive buckets: inputTokens does not count what a cache read or wrote. A write whose TTL is not told is at 5m.
llm::Usage decode_usage(json::Value usage);

/// A whole answer; `raw` is its text: the calls of tools and the usage are kept as they stand in it.
/// @error kBadResponse no message, or no usage.
Result<llm::Response> decode_response(json::Value answer, std::string_view raw);

llm::FinishReason finish_of(std::string_view stop_reason);

/// [{"toolUseId":"…","name":"…","input":{…}}, …] @error kBadResponse not an array, or a call without its id or name.
Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json);

/// The tools, the system prompt, the messages: a cache point is a block of its own, and so may follow any.
inline constexpr provider::PrefixRules kPrefixRules{.marks_tools = true,
                                                    .marks_images = true,
                                                    .marks_tool_calls = true,
                                                    .choice_and_images_from_messages = true};

/// Decodes ConverseStream: messageStart, contentBlock…, messageStop, metadata with the usage; exceptions. An exception that would allow another try is
/// kDeadlineExceeded once the message has begun: part of it may be billed. So is a stream without its metadata.
std::unique_ptr<provider::StreamDecoder> make_stream_decoder();

}  // namespace weir::providers::bedrock
