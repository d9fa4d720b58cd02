// The body of a Converse request.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "json/write.h"
#include "llm/check.h"
#include "providers/bedrock/converse.h"

namespace weir::providers::bedrock {
namespace {

using llm::CacheTtl;

std::unexpected<Error> unsupported(std::string message, std::string hint) {
  return fail(ErrorKind::kUnsupported, std::move(message), std::move(hint));
}

// "amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"
bool is_amazons(std::string_view model) { return model.find("amazon.") != std::string_view::npos; }

// Prefix order is tools, system, messages; entries with a longer TTL must come first.
Result<void> check_marks(const llm::Request& request) {
  std::size_t marks = 0;
  bool short_seen = false, long_seen = false, long_after_short = false;
  const auto look = [&](const auto& blocks) {
    for (const auto& block : blocks) {
      if (!block.mark) continue;
      ++marks;
      const bool is_long = block.mark->ttl == CacheTtl::k1h;
      long_after_short |= short_seen && is_long;
      short_seen |= !is_long;
      long_seen |= is_long;
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
  if (long_seen && is_amazons(request.model))
    return unsupported(fmt::format("{} caches for five minutes only", request.model),
                       "use the default TTL");
  return {};
}

std::optional<std::string_view> image_format(const llm::Image& image) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFormats{
      {{"image/png", "png"},
       {"image/jpeg", "jpeg"},
       {"image/jpg", "jpeg"},
       {"image/gif", "gif"},
       {"image/webp", "webp"}}};
  std::string_view type = image.media_type;
  for (const auto& [media, format] : kFormats)
    if (type == media || (type.empty() && image.url.ends_with(format))) return format;
  return std::nullopt;
}

Result<void> check_images(const llm::Request& request) {
  for (const auto& message : request.messages)
    for (const auto& block : message.content) {
      if (!block.image) continue;
      if (!block.image->url.empty() && !block.image->url.starts_with("s3://"))
        return unsupported("Bedrock fetches images from S3 only",
                           "give the image's bytes, or an s3:// URL");
      if (!image_format(*block.image))
        return unsupported("Bedrock takes images as PNG, JPEG, GIF or WebP", "convert it first");
    }
  return {};
}

// A conversation with calls or results wants the tools as well.
Result<void> check_calls(const llm::Request& request) {
  if (!request.tools.empty()) return {};
  for (const auto& message : request.messages)
    for (const auto& block : message.content)
      if (block.tool_call || block.tool_result)
        return fail(ErrorKind::kInvalidArgument,
                    "the conversation has tool calls, and the request names no tools",
                    "give the tools with it");
  return {};
}

Result<void> check_request(const llm::Request& request) {
  if (request.raw)
    return unsupported(
        fmt::format("a ready-made body of the format '{}' does not fit the Converse API",
                    llm::to_string(request.raw->dialect)),
        "send it to a provider of that format");
  if (request.seed)
    return unsupported("the Converse API has no seed",
                       "leave the seed out, or use a provider that takes one");
  if (request.tool_choice.kind == llm::ToolChoice::Kind::kNone && !request.tools.empty())
    return unsupported("the Converse API cannot be told that no tool may be called",
                       "leave the tools out");
  if (request.format && is_amazons(request.model))
    return unsupported(fmt::format("{} has no structured outputs", request.model),
                       "leave the schema out, or use another model");
  WEIR_CHECK(llm::check_parts(request));
  WEIR_CHECK(check_calls(request));
  WEIR_CHECK(check_images(request));
  return check_marks(request);
}

class BodyWriter {
 public:
  BodyWriter(const llm::Request& request, llm::Route route)
      : request_(request), marks_(route == llm::Route::kSync) {}

  std::string write() {
    out_.begin_object().key("messages").begin_array();
    for (const auto& message : request_.messages) {
      out_.begin_object();
      out_.field("role", message.role == llm::Role::kUser ? "user" : "assistant").key("content");
      content(message.content);
      out_.end_object();
    }
    out_.end_array();
    if (!request_.system.empty()) {
      out_.key("system");
      content(request_.system);
    }
    limits();
    tools();
    format();
    return out_.end_object().take();
  }

 private:
  // {"cachePoint":{"type":"default","ttl":"1h"}}: a block of its own behind the one that it marks; without a ttl it lives 5m.
  void mark(const std::optional<llm::CacheMark>& mark) {
    if (!mark || !marks_) return;
    out_.begin_object().key("cachePoint").begin_object().field("type", "default");
    if (mark->ttl == CacheTtl::k1h) out_.field("ttl", "1h");
    out_.end_object().end_object();
  }

  // Texts that say nothing are refused; beside a call or a result one is usual elsewhere.
  void content(const std::vector<llm::Block>& blocks) {
    const bool only_texts = std::ranges::all_of(blocks, &llm::Block::is_text);
    out_.begin_array();
    for (const auto& part : blocks) {
      if (only_texts || !part.is_text() || !part.text.empty()) block(part);
      mark(part.mark);
    }
    out_.end_array();
  }

  void block(const llm::Block& block) {
    out_.begin_object();
    if (block.image) image(*block.image);
    else if (block.tool_call) call(*block.tool_call);
    else if (block.tool_result) result(*block.tool_result);
    else out_.field("text", block.text);
    out_.end_object();
  }

  // "image":{"format":"png","source":{"bytes":"…"}}
  void image(const llm::Image& image) {
    out_.key("image").begin_object().field("format", *image_format(image)).key("source");
    out_.begin_object();
    if (image.url.empty()) out_.field("bytes", image.data);
    else out_.key("s3Location").begin_object().field("uri", image.url).end_object();
    out_.end_object().end_object();
  }

  // "toolUse":{"toolUseId":"…","name":"…","input":{…}}
  void call(const llm::ToolCall& call) {
    out_.key("toolUse").begin_object().field("toolUseId", call.id).field("name", call.name);
    out_.key("input").raw(call.arguments_json).end_object();
  }

  // "toolResult":{"toolUseId":"…","content":[{"text":"…"}],"status":"error"}
  void result(const llm::ToolResult& result) {
    out_.key("toolResult").begin_object().field("toolUseId", result.tool_call_id);
    out_.key("content").begin_array();
    if (!result.text.empty()) out_.begin_object().field("text", result.text).end_object();
    out_.end_array();
    if (result.is_error) out_.field("status", "error");
    out_.end_object();
  }

  // "inferenceConfig":{"maxTokens":…,"temperature":…,"topP":…,"stopSequences":[…]}
  void limits() {
    if (!request_.output_max && !request_.temperature && !request_.top_p && request_.stop.empty())
      return;
    out_.key("inferenceConfig").begin_object();
    if (request_.output_max) out_.field("maxTokens", request_.output_max->count);
    if (request_.temperature) out_.key("temperature").number(*request_.temperature);
    if (request_.top_p) out_.key("topP").number(*request_.top_p);
    if (!request_.stop.empty()) {
      out_.key("stopSequences").begin_array();
      for (const auto& stop : request_.stop) out_.string(stop);
      out_.end_array();
    }
    out_.end_object();
  }

  // "toolConfig":{"tools":[{"toolSpec":{"name":"…","description":"…","inputSchema":{"json":{…}}}},{"cachePoint":…}],"toolChoice":{"any":{}}}
  void tools() {
    if (request_.tools.empty()) return;
    out_.key("toolConfig").begin_object().key("tools").begin_array();
    for (const auto& tool : request_.tools) {
      out_.begin_object().key("toolSpec").begin_object().field("name", tool.name);
      if (!tool.description.empty()) out_.field("description", tool.description);
      out_.key("inputSchema").begin_object().key("json").raw(tool.parameters_json).end_object();
      out_.end_object().end_object();
      mark(tool.mark);
    }
    out_.end_array();
    using Choice = llm::ToolChoice::Kind;
    const auto& choice = request_.tool_choice;
    if (choice.kind == Choice::kRequired || choice.kind == Choice::kNamed) {
      out_.key("toolChoice").begin_object();
      out_.key(choice.kind == Choice::kNamed ? "tool" : "any").begin_object();
      if (choice.kind == Choice::kNamed) out_.field("name", choice.name);
      out_.end_object().end_object();
    }
    out_.end_object();
  }

  // "outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"…","schema":"…"}}}}: the schema is a text.
  // Doc: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (checked 2026-11-27)
  void format() {
    if (!request_.format) return;
    out_.key("outputConfig").begin_object().key("textFormat").begin_object();
    out_.field("type", "json_schema").key("structure").begin_object();
    out_.key("jsonSchema").begin_object().field("schema", request_.format->schema_json);
    if (!request_.format->name.empty()) out_.field("name", request_.format->name);
    out_.end_object().end_object().end_object().end_object();
  }

  const llm::Request& request_;
  bool marks_;
  json::Writer out_;
};

}  // namespace

Result<void> append_body(const llm::Request& request, llm::Route route, std::string& out) {
  WEIR_CHECK(check_request(request));
  out += BodyWriter(request, route).write();
  return {};
}

}  // namespace weir::providers::bedrock
