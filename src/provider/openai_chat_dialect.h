#pragma once
// The OpenAI chat-completions wire format: request bodies from llm::Request, answers, errors and
// streams back to provider-neutral values. Several providers speak it; what differs between them is
// Options. Pure functions over values, thread-safe, no clock. It knows nothing of paths and keys
// (bearer_headers() apart): that is the adapter's part. Doc:
// https://developers.openai.com/api/reference/resources/chat (checked 2026-11-23)
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"
#include "json/patch.h"
#include "json/value.h"
#include "llm/types.h"
#include "provider/adapter.h"

namespace weir::provider::openai_chat {

/// Breakpoints that one request may write. Doc: as encode_body.
inline constexpr std::size_t kBreakpointsMax = 4;

/// What one of the provider's error codes means to us. Tables are constants: the views are of
/// literals.
struct ErrorRule {
  int status = 0;         // 0: any
  std::string_view code;  // compared with error.code, then error.type; empty: any
  ErrorKind kind = ErrorKind::kInvalidArgument;
  std::string_view hint;
};

/// How one provider differs. A constant of the adapter: the views are of literals, the span of a
/// constant table.
struct Options {
  std::string_view provider;                                  // its name, for errors
  std::string_view output_max_key = "max_completion_tokens";  // older servers: "max_tokens"
  bool breakpoints = false;           // prompt_cache_options, prompt_cache_breakpoint
  bool cache_key = false;             // prompt_cache_key
  bool responses = false;             // the Responses API is there as well
  std::span<const ErrorRule> errors;  // the first rule that fits decides
  std::string_view seed_key = "seed";
  double temperature_max = 0;    // a higher one is refused; 0: none is
  bool nine_letter_ids = false;  // ids of tool calls are nine letters and digits: others are
                                 // rewritten, the same id always to the same one
  bool batch_model = true;       // items of a batch name the model
  bool strict_schema = true;     // json_schema "strict": false where a model knows no such promise
  bool stream_options = true;    // false: the last chunk has the usage unasked
  std::string_view stream_usage_in = {};  // the member of a chunk that has it: "x_groq"
  /// Headers of every request; null: bearer_headers().
  http::Headers (*headers)(const Credentials& credentials, bool with_body) = nullptr;
  /// Where the codes do not tell: the rule that fits the provider's words, or null. Asked first.
  const ErrorRule* (*rule_by_words)(int status, std::string_view words) = nullptr;
  llm::Usage (*usage)(json::Value usage) = nullptr;  // null: decode_usage()
};

/// The request body: a minified JSON object on one line; the same request gives the same bytes. On
/// the batch route `stream` is never in it. A raw body passes byte for byte, but for its `model`
/// where it differs, and (batch) line ends, which become spaces. Where `breakpoints`, its marks are put
/// behind their blocks, and kSuppressed switches the provider's own writes off, unless the body
/// has cache markers or options of its own.
/// @error kInvalidArgument no model, a mark with a TTL of 1h (the format has 30m only), parts that
/// llm::check_parts() refuses, a raw body that is no JSON object, that repeats a key, whose `stream`
/// contradicts the request, or one of whose marks cannot be set (markers of its own; the block is
/// not there, not markable, marked twice; more than kBreakpointsMax); kUnsupported a raw body of
/// another dialect, marks without `breakpoints`, a mark on a tool or a tool call, a tool result
/// with is_error: the format has none of them. Doc:
/// https://developers.openai.com/api/docs/guides/prompt-caching (checked 2026-11-23)
[[nodiscard]] Result<std::string> encode_body(const Options& options, const llm::Request& request,
                                              llm::Route route);

/// The blocks of a raw body: what stands before the messages as one, then the contents. Markable,
/// where `breakpoints`, are texts that are not blank and not the assistant's.
/// @error as Adapter::raw_blocks. Doc:
/// https://developers.openai.com/api/docs/guides/prompt-caching (checked 2026-11-23)
[[nodiscard]] Result<RawBlocks> raw_blocks(const Options& options, const llm::RawBody& raw);

/// @error kUnsupported the raw body is of another dialect.
[[nodiscard]] Result<void> check_dialect(const Options& options, const llm::RawBody& raw);

/// Appends the edits that RawBody::marks and the policy ask for. `raw` has been parsed as an object.
/// @error as encode_body.
[[nodiscard]] Result<void> append_cache_edits(const Options& options, const llm::RawBody& raw,
                                              llm::CachePolicy policy,
                                              std::vector<json::Edit>& edits);

/// The value of prompt_cache_options; empty where there is none to write.
[[nodiscard]] std::string_view cache_options_json(llm::CachePolicy policy);

/// @error kUnsupported no `breakpoints`; kInvalidArgument a lifetime that the format does not have.
[[nodiscard]] Result<void> check_ttl(const Options& options, llm::CacheTtl ttl);

/// A chat.completion object. Usage comes in exclusive buckets; a refusal becomes the text and
/// FinishReason::kRefusal; only the first choice is read. `body` has been parsed by the caller.
/// @error kBadResponse no choice, no message or no usage: an answer without usage is never booked
/// as free.
[[nodiscard]] Result<llm::Response> decode_completion(const Options& options, json::Value body);

/// The body of a sync answer with any status, as Adapter::decode_sync says.
[[nodiscard]] Result<llm::Response> decode_answer(const Options& options,
                                                  const http::Response& response, Time now);

/// Response::tool_calls_json of this dialect, as Adapter::tool_calls() says. Calls of other kinds
/// than functions stand in the JSON only. @error kBadResponse not an array, or a call without its id
/// or name.
[[nodiscard]] Result<std::vector<llm::ToolCall>> decode_tool_calls(const Options& options,
                                                                   std::string_view calls_json);

/// The tools stand ahead of the messages and cannot be marked; behind the model's own output no
/// prefix is kept. Doc: https://developers.openai.com/api/docs/guides/prompt-caching (checked
/// 2026-11-23)
inline constexpr PrefixRules kPrefixRules{.marks_images = true, .marks_assistant_texts = false};

/// `prompt_tokens` includes both cached_tokens and cache_write_tokens; missing fields count 0, and
/// nothing goes below 0.
[[nodiscard]] llm::Usage decode_usage(json::Value usage);
/// The same as the provider counts.
[[nodiscard]] inline llm::Usage usage_of(const Options& options, json::Value usage) {
  return options.usage != nullptr ? options.usage(usage) : decode_usage(usage);
}
/// A count of tokens: 0 when it is none, never negative, and never so large that sums overflow.
[[nodiscard]] Tokens token_count(json::Value value);

/// stop, length (mistral's model_length: of the context), tool_calls (function_call), content_filter; anything else is kOther.
[[nodiscard]] llm::FinishReason finish_reason(std::string_view word);

/// Year 9999: a later creation time is nonsense, and would overflow a Time.
inline constexpr std::int64_t kUnixSecondsMax = 253402300799;

/// The error of an answer that is not 2xx: kind and hint by the table, else by the status. Read are {"error":{…}},
/// {"error":"…","code":"…"}, {"detail":"…"} or a list of {"msg"} there, and {"message":"…"}.
[[nodiscard]] Error decode_error(const Options& options, const http::Response& response, Time now);

/// The same of an error object {"message","type","param","code"} (or of none) that came with
/// `status`; 0: with no status of its own.
[[nodiscard]] Error decode_error_object(const Options& options, int status, json::Value object);

/// The same of a whole error body, as decode_error() reads it.
[[nodiscard]] Error decode_error_body(const Options& options, int status, json::Value body);

/// Server-sent chat.completion.chunk events up to `[DONE]`. An error event after the answer began
/// is kDeadlineExceeded: whether the part that came is billed is unknown.
[[nodiscard]] std::unique_ptr<StreamDecoder> stream_decoder(const Options& options);

/// `authorization: Bearer KEY` (not for an empty key), `openai-organization: org-…` where the account names one, and `content-type: application/json`
/// when there is a body. Doc: https://developers.openai.com/api/reference/overview (checked 2026-11-27)
[[nodiscard]] http::Headers bearer_headers(const Credentials& credentials, bool with_body);

/// Those of the provider: Options::headers, else bearer_headers().
[[nodiscard]] http::Headers request_headers(const Options& options, const Credentials& credentials,
                                            bool with_body);

/// What a provider wrote, made safe to show: one line, at most 300 bytes, no control characters,
/// nothing that looks like a key.
[[nodiscard]] std::string presentable(std::string_view text);

}  // namespace weir::provider::openai_chat
