#include "provider/anthropic_dialect_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "llm/check.h"
#include "provider/anthropic_dialect.h"

namespace weir::provider::anthropic_dialect {
namespace {

// Prefix order is tools, system, messages; entries with a longer TTL must come first.
Result<void> check_marks(const llm::Request& request) {
  std::size_t marks = 0;
  bool short_seen = false, long_after_short = false;
  const auto look = [&](const auto& blocks) {
    for (const auto& block : blocks) {
      if (!block.mark) continue;
      ++marks;
      const bool is_short = written_ttl(block.mark->ttl) == llm::CacheTtl::k5m;
      long_after_short |= short_seen && !is_short;
      short_seen |= is_short;
    }
  };
  look(request.tools);
  look(request.system);
  for (const auto& message : request.messages) look(message.content);
  if (marks > kBreakpointsMax)
    return fail(
        ErrorKind::kInvalidArgument,
        fmt::format("the request has {} cache breakpoints, {} are allowed", marks, kBreakpointsMax),
        "mark fewer blocks");
  if (long_after_short)
    return fail(ErrorKind::kInvalidArgument, "a 1h cache breakpoint stands after a 5m one",
                "put the longer TTL first, or use one TTL");
  return {};
}

// "cache_control":{"type":"ephemeral","ttl":"1h"}
void write_mark(json::Writer& writer, const std::optional<llm::CacheMark>& mark) {
  if (!mark) return;
  writer.key("cache_control").begin_object().field("type", "ephemeral");
  writer.field("ttl", llm::to_string(written_ttl(mark->ttl))).end_object();
}

// {"type":"image","source":{"type":"base64","media_type":"image/png","data":"…"}}
// {"type":"image","source":{"type":"url","url":"https://…"}}
void write_image(json::Writer& writer, const llm::Image& image) {
  writer.field("type", "image").key("source").begin_object();
  if (image.url.empty())
    writer.field("type", "base64").field("media_type", image.media_type).field("data", image.data);
  else writer.field("type", "url").field("url", image.url);
  writer.end_object();
}

// {"type":"tool_use","id":"toolu_…","name":"…","input":{…}}
void write_call(json::Writer& writer, const llm::ToolCall& call) {
  writer.field("type", "tool_use").field("id", call.id).field("name", call.name);
  writer.key("input").raw(call.arguments_json);
}

// {"type":"tool_result","tool_use_id":"toolu_…","content":"…","is_error":true}; what says nothing is
// a result without content.
void write_result(json::Writer& writer, const llm::ToolResult& result) {
  writer.field("type", "tool_result").field("tool_use_id", result.tool_call_id);
  if (!result.text.empty()) writer.field("content", result.text);
  if (result.is_error) writer.field("is_error", true);
}

void write_block(json::Writer& writer, const llm::Block& block) {
  writer.begin_object();
  if (block.image) write_image(writer, *block.image);
  else if (block.tool_call) write_call(writer, *block.tool_call);
  else if (block.tool_result) write_result(writer, *block.tool_result);
  else writer.field("type", "text").field("text", block.text);
  write_mark(writer, block.mark);
  writer.end_object();
}

}  // namespace

Result<void> check_request(const llm::Request& request) {
  if (!request.output_max)
    return fail(ErrorKind::kInvalidArgument,
                "the request has no limit of output tokens, and the Messages API requires one",
                "set max_tokens");
  if (request.seed)
    return fail(ErrorKind::kUnsupported, "the Messages API has no seed",
                "leave the seed out, or use a provider that takes one");
  WEIR_CHECK(llm::check_parts(request));
  return check_marks(request);
}

// "tools":[{"name":"…","description":"…","input_schema":{…},"cache_control":{…}}],"tool_choice":{"type":"any"}
void write_tools(json::Writer& writer, const llm::Request& request) {
  if (!request.tools.empty()) {
    writer.key("tools").begin_array();
    for (const auto& tool : request.tools) {
      writer.begin_object().field("name", tool.name);
      if (!tool.description.empty()) writer.field("description", tool.description);
      writer.key("input_schema").raw(tool.parameters_json);
      write_mark(writer, tool.mark);
      writer.end_object();
    }
    writer.end_array();
  }
  using Kind = llm::ToolChoice::Kind;
  const auto& choice = request.tool_choice;
  if (choice.kind == Kind::kAuto) return;
  writer.key("tool_choice").begin_object();
  switch (choice.kind) {
    case Kind::kAuto: break;
    case Kind::kNone: writer.field("type", "none"); break;
    case Kind::kRequired: writer.field("type", "any"); break;
    case Kind::kNamed: writer.field("type", "tool").field("name", choice.name); break;
  }
  writer.end_object();
}

// "text", or [{"type":"text","text":"…","cache_control":{"type":"ephemeral","ttl":"1h"}}]
void write_content(json::Writer& writer, const std::vector<llm::Block>& blocks) {
  if (blocks.size() == 1 && blocks[0].is_text() && !blocks[0].mark) {
    writer.string(blocks[0].text);
    return;
  }
  // The provider refuses texts that say nothing; beside a call or a result one is usual elsewhere.
  const bool only_texts = std::ranges::all_of(blocks, &llm::Block::is_text);
  writer.begin_array();
  for (const auto& block : blocks)
    if (only_texts || !block.is_text() || block.mark || !block.text.empty())
      write_block(writer, block);
  writer.end_array();
}

}  // namespace weir::provider::anthropic_dialect
