#pragma once
// The Gemini generateContent wire format: request bodies from llm::Request, answers, errors and
// streams back to provider-neutral values. The Gemini Developer API and Vertex AI speak it; what
// differs between them is Options. Pure functions over values, thread-safe, no clock. It knows
// nothing of paths and keys: that is the adapter's part. It has no cache breakpoints; a body may name
// a cached content (provider/gemini_cached_content.h) instead of what that holds.
// Doc: https://ai.google.dev/api/generate-content (checked 2026-11-23)
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"
#include "json/value.h"
#include "llm/types.h"
#include "provider/adapter.h"
#include "provider/cached_content.h"

namespace weir::provider::gemini {

/// What one of the provider's errors means to us. Tables are constants: the views are of literals.
struct ErrorRule {
  int status = 0;            // of HTTP; 0: any
  std::string_view code;     // ErrorInfo.reason, or the status word; empty: any
  std::string_view message;  // a part of its text, where nothing else tells; empty: any
  ErrorKind kind = ErrorKind::kInvalidArgument;
  std::string_view hint;
};

/// How one provider differs. A constant of the adapter: the views are of literals, the span of a
/// constant table.
struct Options {
  std::string_view provider;          // its name, for errors
  bool call_ids = true;               // function calls and responses carry ids
  bool file_types = false;            // an image's address needs its type beside it
  std::span<const ErrorRule> errors;  // the first rule that fits decides
};

/// Stop sequences that a request may have. Doc: as the header.
inline constexpr std::size_t kStopsMax = 5;

/// The request body: a minified JSON object on one line; the same request gives the same bytes. The
/// model, and whether the answer is streamed, stand in the path and not in the body. The name of an
/// AnswerFormat has no place in the format and is not written. A tool call that an earlier answer
/// gave goes back with its thought signature, which its id carries (decode_tool_calls); calls of
/// another provider's model get the documented placeholder, where the model wants one.
/// @error kInvalidArgument no model, parts that llm::check_parts() refuses, a tool result without
/// the call that it answers ahead of it, a tool choice without tools; kUnsupported a ready-made
/// body, a cache mark, more than kStopsMax stop sequences, a seed that is no 32-bit integer, an
/// answer format beside tools on models before Gemini 3: the format has none of them; under
/// Options::file_types an image by an address that does not end as one of its types. Doc:
/// https://ai.google.dev/gemini-api/docs/thought-signatures (checked 2026-11-23)
[[nodiscard]] Result<std::string> encode_body(const Options& options, const llm::Request& request);

/// The same without its system prompt, tools, their choice and first `messages` messages, which the
/// cached content of that name holds: beside its name the provider refuses all but the messages. Doc:
/// https://ai.google.dev/gemini-api/docs/caching (checked 2026-11-27)
[[nodiscard]] Result<std::string> encode_rest(const Options& options, const llm::Request& request,
                                              std::size_t messages, std::string_view content);

/// A CachedContent to be made of the request's head. @param model its resource's name
/// Doc: https://ai.google.dev/api/caching (checked 2026-11-27)
[[nodiscard]] Result<std::string> encode_content(const Options& options, const ContentDraft& draft,
                                                 std::string_view model);

/// A GenerateContentResponse. Usage comes in exclusive buckets; thoughts are left out of the text;
/// a blocked prompt is an answer without text and FinishReason::kRefusal; only the first candidate
/// is read. `body` has been parsed by the caller.
/// @error kBadResponse no candidate and no block reason, or no usage: an answer without usage is
/// never booked as free.
[[nodiscard]] Result<llm::Response> decode_response(const Options& options, json::Value body);

/// The body of a sync answer with any status, as Adapter::decode_sync says.
[[nodiscard]] Result<llm::Response> decode_answer(const Options& options,
                                                  const http::Response& response, Time now);

/// Response::tool_calls_json of this dialect (the parts with a functionCall), as
/// Adapter::tool_calls() says. The id of a call is the provider's, else its place in the answer, and
/// behind a "~" its thought signature: an id must go back as it is.
/// @error kBadResponse not an array, or a call without a name.
[[nodiscard]] Result<std::vector<llm::ToolCall>> decode_tool_calls(const Options& options,
                                                                   std::string_view calls_json);

/// `promptTokenCount` includes cachedContentTokenCount, thoughts are output; missing fields count
/// 0, and nothing goes below 0.
[[nodiscard]] llm::Usage decode_usage(json::Value usage);

/// STOP, MAX_TOKENS, and the words of what filters keep back; anything else is kOther.
[[nodiscard]] llm::FinishReason finish_reason(std::string_view word);

/// The error of an answer that is not 2xx: kind and hint by the table, else by the status. The wait
/// is that of RetryInfo, where no header tells one.
[[nodiscard]] Error decode_error(const Options& options, const http::Response& response, Time now);

/// The same of a google.rpc.Status {"code","message","status","details"} that came with `status`; 0:
/// with none of its own, so its code decides, which is HTTP's or gRPC's.
[[nodiscard]] Error decode_error_object(const Options& options, int status, json::Value object);

/// Server-sent GenerateContentResponse events without names; the one with the finish reason is the
/// last. An error event after the answer began is kDeadlineExceeded: whether the part that came is
/// billed is unknown.
[[nodiscard]] std::unique_ptr<StreamDecoder> stream_decoder(const Options& options);

/// Automatic caching alone: nothing can carry a breakpoint.
inline constexpr PrefixRules kPrefixRules{.marks_tool_results = false,
                                          .marks_assistant_texts = false};

// What the parts of the dialect share.

/// "300s": a duration as protobuf's JSON has it, rounded up to whole seconds.
[[nodiscard]] std::string seconds_text(Duration duration);

/// Behind it in the id of a tool call stands the call's thought signature.
inline constexpr char kSignatureMark = '~';

/// Whether `part` is an answer text, no thought.
[[nodiscard]] inline std::string_view answer_text(json::Value part) {
  if (part["thought"].boolean().value_or(false)) return {};
  return part["text"].string().value_or(std::string_view());
}

}  // namespace weir::provider::gemini
