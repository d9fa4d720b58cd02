#include "provider/openai_responses_dialect_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "llm/check.h"
#include "provider/openai_chat_dialect_write.h"

namespace weir::provider::openai_responses {
namespace {

using openai_chat::one_line;
using Parts = std::vector<const llm::Block*>;

std::unexpected<Error> unsaid(const Options& options, std::string_view what, std::string hint) {
  return fail(ErrorKind::kUnsupported,
              fmt::format("the Responses API of {} {}", options.provider, what), std::move(hint));
}

Result<void> check_block(const Options& options, const llm::Block& block, bool assistant) {
  if (block.tool_result && block.tool_result->is_error)
    return unsaid(options, "cannot be told that a tool failed",
                  "say it in the text of the tool result, and leave is_error out");
  if (!block.mark) return {};
  WEIR_CHECK(openai_chat::check_ttl(options, block.mark->ttl));
  if (block.tool_call)
    return unsaid(options, "has no cache breakpoint behind a tool call",
                  "mark the tool result that follows it");
  if (assistant)
    return unsaid(options, "has no cache breakpoint behind the assistant's own text",
                  "mark the user's text that follows it");
  return {};
}

// "prompt_cache_breakpoint":{"mode":"explicit"}
void write_mark(json::Writer& out, const llm::Block& block, llm::CachePolicy policy) {
  if (block.mark && policy != llm::CachePolicy::kSuppressed)
    out.key("prompt_cache_breakpoint").begin_object().field("mode", "explicit").end_object();
}

// {"type":"input_image","detail":"auto","image_url":"https://…"}, or "data:image/png;base64,…"
void write_image(json::Writer& out, const llm::Image& image) {
  out.field("type", "input_image").field("detail", "auto");
  if (image.url.empty())
    out.field("image_url", fmt::format("data:{};base64,{}", image.media_type, image.data));
  else out.field("image_url", image.url);
}

bool is_marked(const llm::Block& block) { return block.mark.has_value(); }

// "text", or [{"type":"input_text","text":"…","prompt_cache_breakpoint":{"mode":"explicit"}}, …]. Blocks are pieces of one
// text, so without marks they are joined again.
void write_content(json::Writer& out, const Parts& parts, llm::CachePolicy policy) {
  const bool plain =
      policy != llm::CachePolicy::kMarked && std::ranges::all_of(parts, [](const auto* block) {
        return block->is_text() && !is_marked(*block);
      });
  if (plain) {
    std::string text;
    for (const auto* block : parts) text += block->text;
    out.string(text);
    return;
  }
  out.begin_array();
  for (const auto* block : parts) {
    if (block->is_text() && block->text.empty() && parts.size() > 1) continue;
    out.begin_object();
    if (block->image) write_image(out, *block->image);
    else out.field("type", "input_text").field("text", block->text);
    write_mark(out, *block, policy);
    out.end_object();
  }
  out.end_array();
}

// {"type":"function_call_output","call_id":"call_…","output":"…"}
void write_result(json::Writer& out, const llm::Block& block, llm::CachePolicy policy) {
  const auto& result = *block.tool_result;
  out.begin_object().field("type", "function_call_output").field("call_id", result.tool_call_id);
  out.key("output");
  if (!block.mark && (policy != llm::CachePolicy::kMarked || result.text.empty())) {
    out.string(result.text);
  } else {
    out.begin_array().begin_object().field("type", "input_text").field("text", result.text);
    write_mark(out, block, policy);
    out.end_object().end_array();
  }
  out.end_object();
}

void write_user(json::Writer& out, const llm::Message& message, llm::CachePolicy policy) {
  Parts rest;
  bool results = false, says = false;
  for (const auto& block : message.content) {
    if (block.tool_result) {
      write_result(out, block, policy);
      results = true;
      continue;
    }
    rest.push_back(&block);
    says |= !block.is_text() || !block.text.empty();
  }
  if (results && !says) return;
  out.begin_object().field("role", "user").key("content");
  write_content(out, rest, policy);
  out.end_object();
}

// {"role":"assistant","content":"…"},{"type":"function_call","call_id":"call_…","name":"…","arguments":"{…}"}
void write_assistant(json::Writer& out, const llm::Message& message) {
  std::string text;
  bool calls = false;
  const auto say = [&](bool whatever) {
    if (text.empty() && !whatever) return;
    out.begin_object().field("role", "assistant").field("content", text).end_object();
    text.clear();
  };
  for (const auto& block : message.content) {
    if (!block.tool_call) {
      text += block.text;
      continue;
    }
    say(false);
    calls = true;
    const auto& call = *block.tool_call;
    out.begin_object().field("type", "function_call").field("call_id", call.id);
    out.field("name", call.name).field("arguments", call.arguments_json).end_object();
  }
  say(!calls);
}

// Of one shape for all requests of a job, whether or not this one has a mark there: they share it.
bool system_is_an_item(const llm::Request& request) {
  return request.cache == llm::CachePolicy::kMarked ||
         std::ranges::any_of(request.system, is_marked);
}

}  // namespace

Result<void> check_request(const Options& options, const llm::Request& request) {
  WEIR_CHECK(llm::check_parts(request));
  if (options.temperature_max > 0 && request.temperature.value_or(0) > options.temperature_max)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} takes a temperature of at most {}", options.provider,
                            options.temperature_max),
                "lower it");
  if (request.seed)
    return unsaid(options, "takes no seed", "leave it out, or use chat completions");
  if (!request.stop.empty())
    return unsaid(options, "takes no stop sequences", "leave them out, or use chat completions");
  for (const auto& tool : request.tools)
    if (tool.mark)
      return unsaid(options, "has no cache breakpoint behind a tool",
                    "mark the first block behind the tools: they are part of its prefix");
  for (const auto& block : request.system) WEIR_CHECK(check_block(options, block, false));
  for (const auto& message : request.messages)
    for (const auto& block : message.content)
      WEIR_CHECK(check_block(options, block, message.role == llm::Role::kAssistant));
  return {};
}

// "tools":[{"type":"function","name":"…","description":"…","parameters":{…},"strict":false}],
// "tool_choice":"required", or {"type":"function","name":"…"}. Left out, "strict" would be true, and a schema that does not
// fit its rules be refused.
void write_tools(json::Writer& out, const llm::Request& request) {
  if (!request.tools.empty()) {
    out.key("tools").begin_array();
    for (const auto& tool : request.tools) {
      out.begin_object().field("type", "function").field("name", tool.name);
      if (!tool.description.empty()) out.field("description", tool.description);
      out.key("parameters").raw(one_line(tool.parameters_json)).field("strict", false);
      out.end_object();
    }
    out.end_array();
  }
  using Kind = llm::ToolChoice::Kind;
  switch (request.tool_choice.kind) {
    case Kind::kAuto: break;
    case Kind::kNone: out.field("tool_choice", "none"); break;
    case Kind::kRequired: out.field("tool_choice", "required"); break;
    case Kind::kNamed:
      out.key("tool_choice").begin_object().field("type", "function");
      out.field("name", request.tool_choice.name).end_object();
      break;
  }
}

void write_input(json::Writer& out, const llm::Request& request) {
  const bool item = system_is_an_item(request);
  if (!request.system.empty() && !item) {
    std::string text;
    for (const auto& block : request.system) text += block.text;
    out.field("instructions", text);
  }
  out.key("input").begin_array();
  if (!request.system.empty() && item) {
    Parts parts;
    for (const auto& block : request.system) parts.push_back(&block);
    out.begin_object().field("role", "system").key("content");
    write_content(out, parts, request.cache);
    out.end_object();
  }
  for (const auto& message : request.messages) {
    if (message.role == llm::Role::kUser) write_user(out, message, request.cache);
    else write_assistant(out, message);
  }
  out.end_array();
}

// "text":{"format":{"type":"json_schema","name":"…","strict":true,"schema":{…}}}
void write_format(json::Writer& out, const Options& options, const llm::Request& request) {
  if (!request.format) return;
  out.key("text").begin_object().key("format").begin_object().field("type", "json_schema");
  out.field("name", request.format->name).field("strict", options.strict_schema);
  out.key("schema").raw(one_line(request.format->schema_json));
  out.end_object().end_object();
}

}  // namespace weir::provider::openai_responses
