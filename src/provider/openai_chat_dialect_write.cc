#include "provider/openai_chat_dialect_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "llm/check.h"

namespace weir::provider::openai_chat {
namespace {

// The blocks of a message that make one content.
using Parts = std::vector<const llm::Block*>;

template <class Wanted>
Parts parts_of(const std::vector<llm::Block>& blocks, Wanted&& wanted) {
  Parts out;
  for (const auto& block : blocks)
    if (wanted(block)) out.push_back(&block);
  return out;
}

// "prompt_cache_breakpoint":{"mode":"explicit"}
void write_mark(json::Writer& out, const llm::Block& block, llm::CachePolicy policy) {
  if (block.mark && policy != llm::CachePolicy::kSuppressed)
    out.key("prompt_cache_breakpoint").begin_object().field("mode", "explicit").end_object();
}

bool whole_text(const Parts& parts, llm::CachePolicy policy) {
  return policy != llm::CachePolicy::kMarked && std::ranges::all_of(parts, [](const auto* block) {
           return block->is_text() && !block->mark;
         });
}

// {"type":"image_url","image_url":{"url":"https://…"}}, or "data:image/png;base64,…"
void write_image(json::Writer& out, const llm::Image& image) {
  out.field("type", "image_url").key("image_url").begin_object();
  if (image.url.empty())
    out.field("url", fmt::format("data:{};base64,{}", image.media_type, image.data));
  else out.field("url", image.url);
  out.end_object();
}

// "text", or [{"type":"text","text":"…","prompt_cache_breakpoint":{"mode":"explicit"}}, …].
// Blocks are pieces of one text, so without marks they are joined again.
void write_content(json::Writer& out, const Parts& parts, llm::CachePolicy policy) {
  if (whole_text(parts, policy)) {
    std::string text;
    for (const auto* block : parts) text += block->text;
    out.string(text);
    return;
  }
  out.begin_array();
  for (const auto* block : parts) {
    // An empty part says nothing, and the provider refuses it.
    if (block->is_text() && block->text.empty() && parts.size() > 1) continue;
    out.begin_object();
    if (block->image) write_image(out, *block->image);
    else out.field("type", "text").field("text", block->text);
    write_mark(out, *block, policy);
    out.end_object();
  }
  out.end_array();
}

// An id that the provider would refuse stands for one that it takes: calls and their results still
// find each other, and nothing else is said by it.
std::string id_of_call(const Options& options, const std::string& id) {
  constexpr std::size_t kLength = 9;
  const bool fits =
      id.size() == kLength && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      });
  if (!options.nine_letter_ids || fits) return id;
  std::string out = base36(hash64(id));
  out.insert(0, kLength, '0');
  return out.substr(out.size() - kLength);
}

// {"role":"tool","tool_call_id":"call_…","content":"…"}. Marked requests have parts throughout, so
// that a content reads the same with a mark behind it and without.
void write_result(json::Writer& out, const Options& options, const llm::Block& block,
                  llm::CachePolicy policy) {
  const auto& result = *block.tool_result;
  out.begin_object().field("role", "tool");
  out.field("tool_call_id", id_of_call(options, result.tool_call_id));
  out.key("content");
  if (!block.mark && (policy != llm::CachePolicy::kMarked || result.text.empty())) {
    out.string(result.text);
  } else {
    out.begin_array().begin_object().field("type", "text").field("text", result.text);
    write_mark(out, block, policy);
    out.end_object().end_array();
  }
  out.end_object();
}

void write_user(json::Writer& out, const Options& options, const llm::Message& message,
                llm::CachePolicy policy) {
  const auto results = parts_of(message.content, [](const auto& b) { return !!b.tool_result; });
  const auto rest = parts_of(message.content, [](const auto& b) { return !b.tool_result; });
  for (const auto* result : results) write_result(out, options, *result, policy);
  const bool says = std::ranges::any_of(
      rest, [](const auto* block) { return !block->is_text() || !block->text.empty(); });
  if (!results.empty() && !says) return;
  out.begin_object().field("role", "user").key("content");
  write_content(out, rest, policy);
  out.end_object();
}

// {"role":"assistant","content":null,"tool_calls":[{"id":"call_…","type":"function",
//  "function":{"name":"…","arguments":"{…}"}}]}
void write_assistant(json::Writer& out, const Options& options, const llm::Message& message,
                     llm::CachePolicy policy) {
  const auto calls = parts_of(message.content, [](const auto& b) { return !!b.tool_call; });
  const auto texts = parts_of(message.content, [](const auto& b) { return b.is_text(); });
  out.begin_object().field("role", "assistant").key("content");
  const bool says = std::ranges::any_of(texts, [](const auto* b) { return !b->text.empty(); });
  if (says || calls.empty()) write_content(out, texts, policy);
  else out.null();
  if (!calls.empty()) {
    out.key("tool_calls").begin_array();
    for (const auto* block : calls) {
      const auto& call = *block->tool_call;
      out.begin_object().field("id", id_of_call(options, call.id)).field("type", "function");
      out.key("function").begin_object().field("name", call.name);
      out.field("arguments", call.arguments_json).end_object().end_object();
    }
    out.end_array();
  }
  out.end_object();
}

Result<void> check_block(const Options& options, const llm::Block& block) {
  if (block.tool_result && block.tool_result->is_error)
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} cannot be told that a tool failed", options.provider),
                "say it in the text of the tool result, and leave is_error out");
  if (!block.mark) return {};
  WEIR_CHECK(check_ttl(options, block.mark->ttl));
  if (block.tool_call)
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} has no cache breakpoint behind a tool call", options.provider),
                "mark the tool result that follows it");
  return {};
}

}  // namespace

std::string one_line(std::string_view json) {
  std::string out(json);
  std::replace(out.begin(), out.end(), '\n', ' ');
  std::replace(out.begin(), out.end(), '\r', ' ');
  return out;
}

Result<void> check_request(const Options& options, const llm::Request& request) {
  WEIR_CHECK(llm::check_parts(request));
  if (options.temperature_max > 0 && request.temperature.value_or(0) > options.temperature_max)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} takes a temperature of at most {}", options.provider,
                            options.temperature_max),
                "lower it");
  for (const auto& tool : request.tools)
    if (tool.mark)
      return fail(ErrorKind::kUnsupported,
                  fmt::format("{} has no cache breakpoint behind a tool", options.provider),
                  "mark the first block behind the tools: they are part of its prefix");
  for (const auto& block : request.system) WEIR_CHECK(check_block(options, block));
  for (const auto& message : request.messages)
    for (const auto& block : message.content) WEIR_CHECK(check_block(options, block));
  return {};
}

// "tools":[{"type":"function","function":{"name":"…","description":"…","parameters":{…}}}],
// "tool_choice":"required", or {"type":"function","function":{"name":"…"}}
void write_tools(json::Writer& out, const llm::Request& request) {
  if (!request.tools.empty()) {
    out.key("tools").begin_array();
    for (const auto& tool : request.tools) {
      out.begin_object().field("type", "function").key("function").begin_object();
      out.field("name", tool.name);
      if (!tool.description.empty()) out.field("description", tool.description);
      out.key("parameters").raw(one_line(tool.parameters_json));
      out.end_object().end_object();
    }
    out.end_array();
  }
  using Kind = llm::ToolChoice::Kind;
  switch (request.tool_choice.kind) {
    case Kind::kAuto: break;
    case Kind::kNone: out.field("tool_choice", "none"); break;
    case Kind::kRequired: out.field("tool_choice", "required"); break;
    case Kind::kNamed:
      out.key("tool_choice").begin_object().field("type", "function").key("function");
      out.begin_object().field("name", request.tool_choice.name).end_object().end_object();
      break;
  }
}

void write_messages(json::Writer& out, const Options& options, const llm::Request& request) {
  out.key("messages").begin_array();
  if (!request.system.empty()) {
    out.begin_object().field("role", "system").key("content");
    write_content(out, parts_of(request.system, [](const auto&) { return true; }), request.cache);
    out.end_object();
  }
  for (const auto& message : request.messages) {
    if (message.role == llm::Role::kUser) write_user(out, options, message, request.cache);
    else write_assistant(out, options, message, request.cache);
  }
  out.end_array();
}

}  // namespace weir::provider::openai_chat
