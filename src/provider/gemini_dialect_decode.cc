// Decoding of whole answers. Unknown fields and values are skipped: the provider says that both may
// grow; fields that are zero are left out.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/write.h"
#include "provider/gemini_dialect.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::gemini {
namespace {

// No answer has more tokens; keeps the arithmetic of hostile numbers from overflowing.
constexpr std::int64_t kTokensMax = std::int64_t{1} << 40;

// What filters keep back. Doc: https://ai.google.dev/api/generate-content#FinishReason (checked
// 2026-11-28)
constexpr std::array<std::string_view, 10> kRefusals{
    "SAFETY",          "RECITATION",  "LANGUAGE",
    "BLOCKLIST",       "SPII",        "PROHIBITED_CONTENT",
    "IMAGE_SAFETY",    "MODEL_ARMOR", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION"};

std::unexpected<Error> bad(const Options& options, std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("{} {}", options.provider, what),
                               .hint = "if it happens again, report it to the provider",
                               .provider = std::string(options.provider)});
}

// {"content":{"role":"model","parts":[…]},"finishReason":"STOP"}. A candidate may lack its content,
// where thoughts took all of the output limit or a filter kept it back.
void read_candidate(json::Value candidate, llm::Response& out) {
  json::Writer calls;
  calls.begin_array();
  bool called = false;
  for (const auto part : candidate["content"]["parts"].items()) {
    out.text += answer_text(part);
    if (!part["functionCall"].is_object()) continue;
    calls.raw(part.text());
    called = true;
  }
  calls.end_array();
  if (called) out.tool_calls_json = calls.take();
  out.finish_raw = openai_chat::presentable(candidate["finishReason"].string().value_or(""));
  out.finish = finish_reason(out.finish_raw);
  if (called && out.finish == llm::FinishReason::kStop) out.finish = llm::FinishReason::kToolUse;
}

}  // namespace

llm::FinishReason finish_reason(std::string_view word) {
  if (word == "STOP") return llm::FinishReason::kStop;
  if (word == "MAX_TOKENS") return llm::FinishReason::kLength;
  if (std::ranges::find(kRefusals, word) != kRefusals.end()) return llm::FinishReason::kRefusal;
  return llm::FinishReason::kOther;
}

llm::Usage decode_usage(json::Value usage) {
  const auto count = [&](std::string_view name) {
    return Tokens{std::clamp(usage[name].integer_or(0), std::int64_t{0}, kTokensMax)};
  };
  llm::Usage out;
  out.cache_read = count("cachedContentTokenCount");
  out.input = std::max(Tokens{0}, count("promptTokenCount") - out.cache_read) +
              count("toolUsePromptTokenCount");
  out.output = count("candidatesTokenCount") + count("thoughtsTokenCount");
  return out;
}

Result<llm::Response> decode_response(const Options& options, json::Value body) {
  if (!body.is_object())
    return bad(options, "answered with something that is no generated content");
  const auto usage = body["usageMetadata"];
  if (!usage.is_object()) return bad(options, "answered without usage, so its cost is unknown");
  llm::Response out;
  out.id = body["responseId"].string_or("");
  out.model = body["modelVersion"].string_or("");
  const auto candidates = body["candidates"].items();
  const auto blocked = body["promptFeedback"]["blockReason"].string();
  if (candidates.size() != 0) {
    read_candidate(candidates.at(0), out);
  } else if (blocked) {
    out.finish = llm::FinishReason::kRefusal;
    out.finish_raw = openai_chat::presentable(*blocked);
  } else {
    return bad(options, "answered without a candidate");
  }
  out.usage = decode_usage(usage);
  out.usage_raw = usage.text();
  // Vertex AI tells it; the Developer API does not.
  if (const auto created = body["createTime"].string()) out.created = parse_rfc3339(*created);
  return out;
}

// [{"functionCall":{"id":"…","name":"…","args":{…}},"thoughtSignature":"…"}, …]
Result<std::vector<llm::ToolCall>> decode_tool_calls(const Options& options,
                                                     std::string_view calls_json) {
  std::vector<llm::ToolCall> out;
  if (calls_json.empty()) return out;
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  if (!calls || !calls->is_array())
    return bad(options, "answered with tool calls that are no list");
  for (const auto item : calls->items()) {
    const json::Value part(item), call = part["functionCall"];
    const auto name = call["name"].string();
    if (!name) return bad(options, "answered with a tool call that has no name");
    auto id = call["id"].string_or("");
    if (id.empty()) id = fmt::format("call_{}", out.size());
    if (const auto signature = part["thoughtSignature"].string(); signature && !signature->empty())
      (id += kSignatureMark) += *signature;
    out.push_back({.id = std::move(id),
                   .name = std::string(*name),
                   .arguments_json = call["args"].is_object() ? call["args"].text() : "{}"});
  }
  return out;
}

Result<llm::Response> decode_answer(const Options& options, const http::Response& response,
                                    Time now) {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(decode_error(options, response, now));
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body) return bad(options, "answered with something that is not JSON");
  return decode_response(options, *body);
}

}  // namespace weir::provider::gemini
