// Decoding of whole answers. Unknown fields and items are skipped: the provider says that both may grow.
#include <fmt/format.h>

#include <algorithm>

#include "json/write.h"
#include "provider/openai_responses_dialect.h"

namespace weir::provider::openai_responses {
namespace {

using openai_chat::token_count;

std::unexpected<Error> bad(const Options& options, std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("{} {}", options.provider, what),
                               .hint = "if it happens again, report it to the provider",
                               .provider = std::string(options.provider)});
}

// What the items say.
struct Said {
  std::string text, refusal, calls;  // calls: elements of an array
};

void read_message(json::Value item, Said& said) {
  for (const auto element : item["content"].items()) {
    const json::Value part(element);
    const auto type = part["type"].string().value_or("");
    if (type == "output_text") said.text += part["text"].string().value_or("");
    if (type == "refusal") said.refusal += part["refusal"].string().value_or("");
  }
}

bool is_call(std::string_view type) {
  return type == "function_call" || type == "custom_tool_call";
}

Said read_output(json::Value output) {
  Said said;
  for (const auto element : output.items()) {
    const json::Value item(element);
    const auto type = item["type"].string().value_or("");
    if (type == "message") read_message(item, said);
    if (!is_call(type)) continue;
    said.calls += said.calls.empty() ? "[" : ",";
    said.calls += item.text();
  }
  if (!said.calls.empty()) said.calls += "]";
  return said;
}

// {"status":"failed","error":{"code":"server_error","message":"…"}}: a 2xx all the same.
Error error_of(const Options& options, std::string_view status, json::Value body) {
  Error error = openai_chat::decode_error_object(options, 0, body["error"]);
  if (status == "cancelled") error.kind = ErrorKind::kCancelled;
  const auto usage = body["usage"];
  const bool counted =
      (token_count(usage["input_tokens"]) + token_count(usage["output_tokens"])).count > 0;
  if (counted) error.kind = ErrorKind::kDeadlineExceeded;
  return error;
}

llm::FinishReason finish_of(std::string_view status, std::string_view reason, const Said& said) {
  if (reason == "max_output_tokens") return llm::FinishReason::kLength;
  if (reason == "content_filter" || !said.refusal.empty()) return llm::FinishReason::kRefusal;
  if (status != "completed") return llm::FinishReason::kOther;
  return said.calls.empty() ? llm::FinishReason::kStop : llm::FinishReason::kToolUse;
}

}  // namespace

bool is_response(json::Value body) { return body["object"].string() == "response"; }

llm::Usage decode_usage(json::Value usage) {
  const auto details = usage["input_tokens_details"];
  llm::Usage out;
  out.cache_read = token_count(details["cached_tokens"]);
  out.cache_write = token_count(details["cache_write_tokens"]);
  out.input =
      std::max(Tokens{0}, token_count(usage["input_tokens"]) - out.cache_read - out.cache_write);
  out.output = token_count(usage["output_tokens"]);
  return out;
}

Result<llm::Response> decode_response(const Options& options, json::Value body,
                                      json::Value output) {
  if (!body.is_object()) return bad(options, "answered with something that is no response");
  const auto status = body["status"].string().value_or("completed");
  if (status == "failed" || status == "cancelled" || body["error"].is_object())
    return std::unexpected(error_of(options, status, body));
  if (status == "queued" || status == "in_progress")
    return bad(options, "answered with a response that has not ended");
  if (!body["usage"].is_object())
    return bad(options, "answered without usage, so its cost is unknown");
  const auto own = body["output"];
  if (!own.is_array() && !output.is_array()) return bad(options, "answered without output");
  Said said = read_output(own.size() > 0 || !output.is_array() ? own : output);
  const auto reason = status == "incomplete"
                          ? body["incomplete_details"]["reason"].string().value_or("")
                          : std::string_view();
  llm::Response out;
  out.id = body["id"].string_or("");
  out.model = body["model"].string_or("");
  out.finish = finish_of(status, reason, said);
  out.finish_raw = reason.empty() ? status : reason;
  out.text = said.text.empty() ? std::move(said.refusal) : std::move(said.text);
  out.tool_calls_json = std::move(said.calls);
  out.usage = openai_responses::decode_usage(body["usage"]);
  out.usage_raw = body["usage"].text();
  if (const auto created = body["created_at"].integer(); created && *created > 0)
    out.created = from_unix_seconds(std::min(*created, openai_chat::kUnixSecondsMax));
  return out;
}

bool are_calls(std::string_view calls_json) {
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  return calls && calls->size() > 0 &&
         is_call(json::Value(calls->items().at(0))["type"].string().value_or(""));
}

// [{"type":"function_call","id":"fc_…","call_id":"call_…","name":"…","arguments":"{…}","status":"completed"}, …]
Result<std::vector<llm::ToolCall>> decode_tool_calls(const Options& options,
                                                     std::string_view calls_json) {
  std::vector<llm::ToolCall> out;
  if (calls_json.empty()) return out;
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  if (!calls || !calls->is_array())
    return bad(options, "answered with tool calls that are no list");
  for (const auto item : calls->items()) {
    const json::Value call(item);
    if (call["type"].string() != "function_call") continue;
    const auto id = call["call_id"].string(), name = call["name"].string();
    if (!id || !name) return bad(options, "answered with a tool call that has no id or no name");
    const auto arguments = call["arguments"].string().value_or("");
    out.push_back({.id = std::string(*id),
                   .name = std::string(*name),
                   .arguments_json = std::string(arguments.empty() ? "{}" : arguments)});
  }
  return out;
}

}  // namespace weir::provider::openai_responses
