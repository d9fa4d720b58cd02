// Whole answers of Converse.
#include <algorithm>
#include <string>

#include "json/patch.h"
#include "json/scan.h"
#include "providers/bedrock/converse.h"

namespace weir::providers::bedrock {
namespace {

constexpr std::int64_t kTokensMax = 1'000'000'000'000;  // sums of a few counts cannot overflow

std::int64_t count(json::Value value) {
  return std::clamp<std::int64_t>(value.integer_or(0), 0, kTokensMax);
}

std::unexpected<Error> bad(std::string why) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = "bedrock: " + std::move(why),
                               .provider = "bedrock"});
}

}  // namespace

// {"inputTokens":30,"outputTokens":628,"totalTokens":658,"cacheReadInputTokens":0,"cacheWriteInputTokens":1200,"cacheDetails":[{"ttl":"1h","inputTokens":1200}]}
llm::Usage decode_usage(json::Value usage) {
  llm::Usage out;
  out.input.count = count(usage["inputTokens"]);
  out.cache_read.count = count(usage["cacheReadInputTokens"]);
  for (const auto detail : usage["cacheDetails"].items()) {
    auto& bucket = detail["ttl"].string() == "1h" ? out.cache_write_1h : out.cache_write_5m;
    bucket.count = std::min(bucket.count + count(detail["inputTokens"]), kTokensMax);
  }
  // The total is the sum of the details. Where they are not told, or not all, the rest is at the default TTL.
  const std::int64_t told = out.cache_write_5m.count + out.cache_write_1h.count;
  out.cache_write_5m.count +=
      std::max<std::int64_t>(0, count(usage["cacheWriteInputTokens"]) - told);
  out.output.count = count(usage["outputTokens"]);
  return out;
}

llm::FinishReason finish_of(std::string_view stop_reason) {
  using llm::FinishReason;
  if (stop_reason == "end_turn" || stop_reason == "stop_sequence") return FinishReason::kStop;
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded")
    return FinishReason::kLength;
  if (stop_reason == "tool_use") return FinishReason::kToolUse;
  if (stop_reason == "guardrail_intervened" || stop_reason == "content_filtered" ||
      stop_reason == "refusal")
    return FinishReason::kRefusal;
  return FinishReason::
      kOther;  // malformed_model_output, malformed_tool_use, and what is added later
}

Result<llm::Response> decode_response(json::Value answer, std::string_view raw) {
  const auto content = answer["output"]["message"]["content"];
  const auto place = json::locate(raw, {"output", "message", "content"});
  const auto usage = json::locate(raw, {"usage"});
  if (!content.is_array() || !place) return bad("the answer has no message");
  if (!answer["usage"].is_object() || !usage)
    return bad("the answer has no usage, so its cost is not known");
  llm::Response out;
  out.finish_raw = answer["stopReason"].string_or("");
  out.finish = finish_of(out.finish_raw);
  out.usage = decode_usage(answer["usage"]);
  out.usage_raw = json::raw_at(raw, *usage);
  for (const auto block : content.items()) out.text += block["text"].string().value_or("");
  json::for_each_element(raw, *place, [&](json::Span span) {
    const auto block = json::raw_at(raw, span);
    const auto call = json::locate(block, {"toolUse"});
    if (!call) return;
    out.tool_calls_json += out.tool_calls_json.empty() ? "[" : ",";
    out.tool_calls_json += json::raw_at(block, *call);
  });
  if (!out.tool_calls_json.empty()) out.tool_calls_json += "]";
  return out;
}

Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json) {
  std::vector<llm::ToolCall> out;
  if (calls_json.empty()) return out;
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  if (!calls || !calls->is_array()) return bad("the tool calls of the answer are no array");
  for (const auto call : calls->items()) {
    const auto id = call["toolUseId"].string(), name = call["name"].string();
    if (!id || !name) return bad("a tool call of the answer has no id or no name");
    auto& to = out.emplace_back(llm::ToolCall{std::string(*id), std::string(*name), "{}"});
    // A text is what came of an input that the output limit cut.
    if (const auto cut = call["input"].string()) to.arguments_json = *cut;
  }
  const auto whole = json::locate(calls_json, std::span<const json::PathStep>());
  std::size_t index = 0;
  json::for_each_element(calls_json, whole.value_or(json::Span{}), [&](json::Span span) {
    const auto raw = json::raw_at(calls_json, span);
    const auto input = json::locate(raw, {"input"});
    if (index >= out.size()) return;
    if (input && json::raw_at(raw, *input).starts_with('{'))
      out[index].arguments_json = json::raw_at(raw, *input);
    ++index;
  });
  return out;
}

}  // namespace weir::providers::bedrock
