#include "library/request_json.h"

#include <ranges>
#include <utility>

#include "json/write.h"

namespace weir::library {
namespace {

void write_cache(json::Writer& w, const std::optional<CacheHint>& cache) {
  if (!cache) return;
  if (cache->ttl) w.field("cache", static_cast<std::int64_t>(cache->ttl->count()));
  else w.key("cache").null();
}

std::optional<CacheHint> read_cache(json::Value value) {
  const auto found = value.find("cache");
  if (!found) return std::nullopt;
  const auto seconds = found->integer();
  return CacheHint{seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt};
}

void write_text(json::Writer& w, const Text& text) {
  w.begin_object().field("text", text.text);
  write_cache(w, text.cache);
  w.end_object();
}

Text read_text(json::Value value) {
  return {.text = value["text"].string_or(""), .cache = read_cache(value)};
}

void write_part(json::Writer& w, const Part& part) {
  if (const auto* text = std::get_if<Text>(&part)) {
    write_text(w, *text);
  } else if (const auto* image = std::get_if<Image>(&part)) {
    w.begin_object().field("image", image->media_type);
    w.field("data", image->data).field("url", image->url).end_object();
  } else if (const auto* call = std::get_if<ToolCall>(&part)) {
    w.begin_object().field("call", call->id).field("name", call->name);
    w.field("arguments", call->arguments).end_object();
  } else if (const auto* result = std::get_if<ToolResult>(&part)) {
    w.begin_object().field("result", result->call_id).field("content", result->text);
    w.field("error", result->is_error).end_object();
  }
}

Part read_part(json::Value value) {
  if (value.find("image"))
    return Image{.media_type = value["image"].string_or(""),
                 .data = value["data"].string_or(""),
                 .url = value["url"].string_or("")};
  if (value.find("call"))
    return ToolCall{.id = value["call"].string_or(""),
                    .name = value["name"].string_or(""),
                    .arguments = value["arguments"].string_or("")};
  if (value.find("result"))
    return ToolResult{.call_id = value["result"].string_or(""),
                      .text = value["content"].string_or(""),
                      .is_error = value["error"].boolean().value_or(false)};
  return read_text(value);
}

void write_options(json::Writer& w, const Request& request) {
  if (request.tool_choice != ToolChoice()) {
    w.field("tool_choice", static_cast<std::int64_t>(request.tool_choice.kind));
    w.field("tool_named", request.tool_choice.name);
  }
  if (!request.answer_schema.empty()) w.field("answer_schema", request.answer_schema);
  if (request.output_max) w.field("output_max", request.output_max->count);
  if (request.temperature) w.key("temperature").number(*request.temperature);
  if (request.top_p) w.key("top_p").number(*request.top_p);
  if (request.seed) w.field("seed", *request.seed);
  if (request.stop.empty()) return;
  w.key("stop").begin_array();
  for (const auto& stop : request.stop) w.string(stop);
  w.end_array();
}

void read_options(json::Value value, Request& request) {
  request.tool_choice.kind = static_cast<ToolChoice::Kind>(value["tool_choice"].integer_or(0));
  request.tool_choice.name = value["tool_named"].string_or("");
  request.answer_schema = value["answer_schema"].string_or("");
  if (const auto max = value["output_max"].integer()) request.output_max = Tokens{*max};
  request.temperature = value["temperature"].number();
  request.top_p = value["top_p"].number();
  request.seed = value["seed"].integer();
  for (const auto stop : value["stop"].items())
    request.stop.push_back(json::Value(stop).string_or(""));
}

}  // namespace

void append_request(const Request& request, std::string& out) {
  json::Writer w;
  w.begin_object().key("system").begin_array();
  for (const auto& text : request.system) write_text(w, text);
  w.end_array().key("messages").begin_array();
  for (const auto& message : request.messages) {
    w.begin_object().field("role", message.role == Role::kUser ? "user" : "assistant");
    w.key("parts").begin_array();
    for (const auto& part : message.parts) write_part(w, part);
    w.end_array().end_object();
  }
  w.end_array();
  if (!request.tools.empty()) {
    w.key("tools").begin_array();
    for (const auto& tool : request.tools) {
      w.begin_object().field("name", tool.name).field("description", tool.description);
      w.field("parameters", tool.parameters);
      write_cache(w, tool.cache);
      w.end_object();
    }
    w.end_array();
  }
  write_options(w, request);
  w.end_object();
  out += w.take();
}

Result<Request> parse_request(std::string_view line, json::Parser& parser) {
  const auto parsed = parser.parse(line);
  if (!parsed || !parsed->is_object())
    return fail(ErrorKind::kInternal, "a kept request cannot be read: it is damaged");
  Request request;
  for (const auto text : (*parsed)["system"].items())
    request.system.push_back(read_text(json::Value(text)));
  for (const auto element : (*parsed)["messages"].items()) {
    const json::Value value(element);
    Message message{.role = value["role"].string_or("") == "user" ? Role::kUser : Role::kAssistant,
                    .parts = {}};
    for (const auto part : value["parts"].items())
      message.parts.push_back(read_part(json::Value(part)));
    request.messages.push_back(std::move(message));
  }
  for (const auto element : (*parsed)["tools"].items()) {
    const json::Value value(element);
    request.tools.push_back({.name = value["name"].string_or(""),
                             .description = value["description"].string_or(""),
                             .parameters = value["parameters"].string_or(""),
                             .cache = read_cache(value)});
  }
  read_options(*parsed, request);
  return request;
}

std::optional<std::string> field_of(const Request& request, std::string_view path) {
  const Text* last = nullptr;
  for (const auto& message : request.messages)
    for (const auto& part : message.parts)
      if (message.role == Role::kUser && std::holds_alternative<Text>(part))
        last = &std::get<Text>(part);
  if (last == nullptr || !last->text.starts_with('{')) return std::nullopt;
  json::Parser parser;
  const auto document = parser.parse(last->text);
  if (!document) return std::nullopt;
  auto value = *document;
  for (const auto step : std::views::split(path, '.')) value = value[std::string_view(step)];
  if (const auto text = value.string()) return std::string(*text);
  if (value.is_number() || value.boolean()) return value.text();
  return std::nullopt;
}

}  // namespace weir::library
