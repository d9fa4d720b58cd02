#include "provider/anthropic_dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "json/patch.h"
#include "json/write.h"
#include "provider/anthropic_dialect_write.h"

namespace weir::provider::anthropic_dialect {
namespace {

constexpr std::size_t kErrorTextMax = 500;              // enough for a person, bounded in logs
constexpr std::int64_t kTokensMax = 1'000'000'000'000;  // sums of a few counts cannot overflow

Result<void> append_raw(const llm::Request& request, std::string& out) {
  const llm::RawBody& raw = *request.raw;
  WEIR_CHECK(check_dialect(raw));
  std::vector<json::Edit> edits;
  // First: a marker may end where a member is added behind it, and edits of one place keep their order.
  if (!raw.marks.empty()) WEIR_CHECK(append_mark_edits(raw, edits));
  const auto set = [&](std::string_view key, std::string_view json_text) {
    auto edit = json::set_member(raw.bytes, {}, key, json_text);
    if (!edit) return false;
    edits.push_back(*std::move(edit));
    return true;
  };
  const auto model = json::locate(raw.bytes, {"model"});
  std::string wanted;
  json::append_string(wanted, request.model);
  const bool model_differs =
      !request.model.empty() && (!model || json::raw_at(raw.bytes, *model) != wanted);
  bool whole = !model_differs || set("model", wanted);
  if (asks_for_stream(raw) != request.stream)
    whole = set("stream", request.stream ? "true" : "false") && whole;
  if (!whole)
    return fail(ErrorKind::kInvalidArgument, "the ready-made request body is no JSON object");
  WEIR_TRY(const std::string body, json::apply(raw.bytes, std::move(edits)));
  out += body;
  return {};
}

// Control characters could move a terminal; long texts flood a log. Cut at a character, not in it.
std::string shown(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80)
      --bytes_max;
    text = text.substr(0, bytes_max);
  }
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return out;
}

// The raw elements of an array, in one pass (a look-up by index would be quadratic).
template <class OnElement>
void for_each_raw(std::string_view array, OnElement&& on_element) {
  std::size_t at = 1;
  while (at < array.size()) {
    const char c = array[at];
    if (c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      ++at;
      continue;
    }
    if (c == ']') return;
    const auto span = json::locate(array.substr(at), std::span<const json::PathStep>());
    if (!span || span->length == 0) return;
    on_element(json::raw_at(array.substr(at), *span));
    at += span->offset + span->length;
  }
}

}  // namespace

llm::CacheTtl written_ttl(llm::CacheTtl ttl) {
  return ttl == llm::CacheTtl::k1h ? llm::CacheTtl::k1h : llm::CacheTtl::k5m;
}

Result<void> check_dialect(const llm::RawBody& raw) {
  if (raw.dialect == llm::Dialect::kAnthropicMessages) return {};
  return fail(ErrorKind::kUnsupported,
              fmt::format("a ready-made body of the format '{}' does not fit here",
                          llm::to_string(raw.dialect)),
              "send it to a provider of that format, or write it as an Anthropic Messages body");
}

bool asks_for_stream(const llm::RawBody& raw) {
  const auto stream = json::locate(raw.bytes, {"stream"});
  return stream && json::raw_at(raw.bytes, *stream) == "true";
}

Result<void> append_body(const llm::Request& request, std::string& out) {
  if (request.raw) return append_raw(request, out);
  WEIR_CHECK(check_request(request));
  json::Writer writer;
  writer.begin_object().field("model", request.model);
  writer.field("max_tokens", request.output_max->count);
  write_tools(writer, request);
  if (!request.system.empty()) write_content(writer.key("system"), request.system);
  writer.key("messages").begin_array();
  for (const auto& message : request.messages) {
    writer.begin_object();
    writer.field("role", message.role == llm::Role::kUser ? "user" : "assistant");
    write_content(writer.key("content"), message.content);
    writer.end_object();
  }
  writer.end_array();
  if (request.temperature) writer.key("temperature").number(*request.temperature);
  if (request.top_p) writer.key("top_p").number(*request.top_p);
  if (!request.stop.empty()) {
    writer.key("stop_sequences").begin_array();
    for (const auto& stop : request.stop) writer.string(stop);
    writer.end_array();
  }
  if (request.format) {
    // "output_config":{"format":{"type":"json_schema","schema":{…}}}
    // Doc: https://platform.claude.com/docs/en/build-with-claude/structured-outputs (checked
    // 2026-11-23)
    writer.key("output_config").begin_object().key("format").begin_object();
    writer.field("type", "json_schema").key("schema").raw(request.format->schema_json);
    writer.end_object().end_object();
  }
  if (request.stream) writer.field("stream", true);
  out += writer.end_object().text();
  return {};
}

llm::Usage decode_usage(json::Value usage) {
  const auto count = [](json::Value value) {
    return std::clamp<std::int64_t>(value.integer_or(0), 0, kTokensMax);
  };
  const json::Value writes = usage["cache_creation"];
  llm::Usage out;
  out.input.count = count(usage["input_tokens"]);
  out.cache_read.count = count(usage["cache_read_input_tokens"]);
  out.cache_write_5m.count = count(writes["ephemeral_5m_input_tokens"]);
  out.cache_write_1h.count = count(writes["ephemeral_1h_input_tokens"]);
  // The total is the sum of the two. Where they are not told, or not all, the rest is at the
  // default TTL.
  const std::int64_t total = count(usage["cache_creation_input_tokens"]);
  const std::int64_t told = out.cache_write_5m.count + out.cache_write_1h.count;
  out.cache_write_5m.count += std::max<std::int64_t>(0, total - told);
  out.output.count = count(usage["output_tokens"]);
  return out;
}

llm::FinishReason finish_of(std::string_view stop_reason) {
  if (stop_reason == "end_turn" || stop_reason == "stop_sequence") return llm::FinishReason::kStop;
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded")
    return llm::FinishReason::kLength;
  if (stop_reason == "tool_use") return llm::FinishReason::kToolUse;
  if (stop_reason == "refusal") return llm::FinishReason::kRefusal;
  return llm::FinishReason::kOther;  // pause_turn, and what is added later
}

Result<llm::Response> decode_message(json::Value message, std::string_view raw) {
  const auto content = json::locate(raw, {"content"});
  const auto usage = json::locate(raw, {"usage"});
  if (!message["content"].is_array() || !content)
    return fail(ErrorKind::kBadResponse, "the answer is no message: it has no content");
  if (!message["usage"].is_object() || !usage)
    return fail(ErrorKind::kBadResponse, "the answer has no usage, so its cost is not known");
  llm::Response out;
  out.id = message["id"].string_or("");
  out.model = message["model"].string_or("");
  out.finish_raw = message["stop_reason"].string_or("");
  out.finish = finish_of(out.finish_raw);
  out.usage = decode_usage(message["usage"]);
  out.usage_raw = json::raw_at(raw, *usage);
  std::vector<bool> is_tool_call;
  for (const auto element : message["content"].items()) {
    const json::Value block(element);
    const auto type = block["type"].string();
    is_tool_call.push_back(type == "tool_use");
    if (type == "text") out.text += block["text"].string().value_or("");
  }
  if (std::ranges::find(is_tool_call, true) == is_tool_call.end()) return out;
  std::size_t index = 0;
  for_each_raw(json::raw_at(raw, *content), [&](std::string_view block) {
    if (index < is_tool_call.size() && is_tool_call[index]) {
      out.tool_calls_json += out.tool_calls_json.empty() ? "[" : ",";
      out.tool_calls_json += block;
    }
    ++index;
  });
  out.tool_calls_json += "]";
  return out;
}

// [{"type":"tool_use","id":"toolu_…","name":"…","input":{…}}, …]
Result<std::vector<llm::ToolCall>> decode_tool_calls(std::string_view calls_json) {
  std::vector<llm::ToolCall> out;
  if (calls_json.empty()) return out;
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  if (!calls || !calls->is_array())
    return fail(ErrorKind::kBadResponse, "the tool calls of the answer are no array");
  std::vector<std::string_view> raw;
  for_each_raw(calls_json, [&](std::string_view call) { raw.push_back(call); });
  std::size_t index = 0;
  for (const auto item : calls->items()) {
    const json::Value call(item);
    const auto id = call["id"].string(), name = call["name"].string();
    if (!id || !name || index >= raw.size())
      return fail(ErrorKind::kBadResponse, "a tool call of the answer has no id or no name");
    auto& to = out.emplace_back(llm::ToolCall{std::string(*id), std::string(*name), "{}"});
    // A string is what came of an input that the output limit cut.
    if (const auto cut = call["input"].string()) to.arguments_json = *cut;
    else if (const auto input = json::locate(raw[index], {"input"});
             input && call["input"].is_object())
      to.arguments_json = json::raw_at(raw[index], *input);
    ++index;
  }
  return out;
}

WireError decode_error(json::Value root) {
  const json::Value error = root["error"];
  WireError out;
  out.type = shown(error["type"].string().value_or(""), 64);
  out.message = shown(error["message"].string().value_or(""), kErrorTextMax);
  out.detail_code = shown(error["details"]["error_code"].string().value_or(""), 64);
  out.request_id = shown(root["request_id"].string().value_or(""), 128);
  return out;
}

}  // namespace weir::provider::anthropic_dialect
