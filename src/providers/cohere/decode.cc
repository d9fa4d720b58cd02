// Decoding of whole answers. Unknown fields are skipped: the provider says that fields and values may grow.
#include <algorithm>

#include "json/write.h"
#include "providers/cohere/errors.h"
#include "providers/cohere/wire.h"

namespace weir::providers::cohere {
namespace {

namespace chat = provider::openai_chat;

// Texts alone: parts of type "thinking" are the model's thoughts.
std::string text_of(json::Value content) {
  if (const auto text = content.string()) return std::string(*text);
  std::string out;
  for (const auto item : content.items()) {
    const json::Value part(item);
    if (part["type"].string().value_or("text") == "text")
      out += part["text"].string().value_or(std::string_view());
  }
  return out;
}

// Only members that a call has: rows of batches may have others that are null.
std::string calls_of(json::Value calls) {
  std::vector<CallPieces> out;
  for (const auto item : calls.items()) {
    const json::Value call(item), function = call["function"];
    out.push_back({.id = call["id"].string_or(""),
                   .name = function["name"].string_or(""),
                   .arguments = function["arguments"].string_or("")});
  }
  return calls_json(out);
}

}  // namespace

llm::FinishReason finish_of(std::string_view word) {
  using llm::FinishReason;
  if (word == "COMPLETE" || word == "STOP_SEQUENCE") return FinishReason::kStop;
  if (word == "MAX_TOKENS") return FinishReason::kLength;
  if (word == "TOOL_CALL") return FinishReason::kToolUse;
  return FinishReason::kOther;  // ERROR, TIMEOUT, and what is to come
}

std::string calls_json(const std::vector<CallPieces>& calls) {
  if (calls.empty()) return {};
  json::Writer out;
  out.begin_array();
  for (const auto& call : calls) {
    out.begin_object().field("id", call.id).field("type", "function").key("function");
    out.begin_object().field("name", call.name).field("arguments", call.arguments);
    out.end_object().end_object();
  }
  return out.end_array().take();
}

bool has_usage(json::Value usage) {
  return usage["billed_units"].is_object() || usage["tokens"].is_object();
}

llm::Usage decode_usage(json::Value usage) {
  const auto count = [&](std::string_view name) {
    const auto billed = usage["billed_units"][name];
    return chat::token_count(billed.is_null() ? usage["tokens"][name] : billed);
  };
  const Tokens input = count("input_tokens");
  const Tokens cached = std::min(chat::token_count(usage["cached_tokens"]), input);
  return {.input = Tokens{input.count - cached.count},
          .cache_read = cached,
          .output = count("output_tokens")};
}

Result<llm::Response> decode_chat(json::Value body) {
  const auto message = body["message"], usage = body["usage"];
  if (!message.is_object()) return bad("answered without a message");
  if (!has_usage(usage)) return bad("answered without usage, so its cost is unknown");
  llm::Response out;
  out.id = body["id"].string_or("");
  out.text = text_of(message["content"]);
  out.tool_calls_json = calls_of(message["tool_calls"]);
  out.finish_raw = body["finish_reason"].string_or("");
  out.finish = finish_of(out.finish_raw);
  out.usage = decode_usage(usage);
  out.usage_raw = usage.text();
  return out;
}

Result<llm::Response> decode_answer(const http::Response& response, Time now) {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(decode_error(response, now));
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body || !body->is_object()) return bad("answered with something that is no JSON object");
  return decode_chat(*body);
}

Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json) {
  std::vector<llm::ToolCall> out;
  if (calls_json.empty()) return out;
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  if (!calls || !calls->is_array()) return bad("answered with tool calls that are no list");
  for (const auto item : calls->items()) {
    const json::Value call(item), function = call["function"];
    const auto id = call["id"].string(), name = function["name"].string();
    if (!id || id->empty() || !name || name->empty())
      return bad("answered with a tool call without its id or name");
    const auto arguments = function["arguments"].string().value_or(std::string_view());
    out.push_back({.id = std::string(*id),
                   .name = std::string(*name),
                   .arguments_json = arguments.empty() ? "{}" : std::string(arguments)});
  }
  return out;
}

}  // namespace weir::providers::cohere
