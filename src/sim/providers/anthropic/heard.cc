#include "sim/providers/anthropic/heard.h"

namespace weir::sim::anthropic {
namespace {

std::string words_in(json::Value content) {
  std::string out = content.string_or("");
  for (const auto block : content.items()) out += block["text"].string_or("");
  return out;
}

Heard piece_of(json::Value block, const std::string& role) {
  const auto type = block["type"].string_or("");
  if (type == "image")
    return {
        .kind = Heard::Kind::kImage, .role = role, .text = block["source"]["data"].string_or("")};
  if (type == "tool_use")
    return {.kind = Heard::Kind::kCall,
            .role = role,
            .name = block["name"].string_or(""),
            .text = block["id"].string_or(""),
            .json = heard_json(block["input"])};
  if (type == "tool_result")
    return {.kind = Heard::Kind::kResult,
            .role = role,
            .name = block["tool_use_id"].string_or(""),
            .text = words_in(block["content"])};
  return {.kind = Heard::Kind::kText, .role = role, .text = block["text"].string_or("")};
}

void hear_marked(json::Value block, Heard piece, Listener& listener) {
  listener.add(std::move(piece));
  if (const auto control = block["cache_control"]; !control.is_null())
    listener.mark(control["ttl"].string_or("5m"));
}

void hear_content(json::Value content, const std::string& role, Listener& listener) {
  if (const auto text = content.string())
    listener.add({.kind = Heard::Kind::kText, .role = role, .text = std::string(*text)});
  for (const auto block : content.items()) hear_marked(block, piece_of(block, role), listener);
}

}  // namespace

void hear_message_body(json::Value body, Listener& listener) {
  listener.begin();
  for (const auto tool : body["tools"].items())
    hear_marked(tool,
                {.kind = Heard::Kind::kTool,
                 .name = tool["name"].string_or(""),
                 .text = tool["description"].string_or(""),
                 .json = heard_json(tool["input_schema"])},
                listener);
  if (const auto schema = body["output_config"]["format"]["schema"]; !schema.is_null())
    listener.add({.kind = Heard::Kind::kSchema, .json = heard_json(schema)});
  hear_content(body["system"], "system", listener);
  for (const auto message : body["messages"].items())
    hear_content(message["content"], message["role"].string_or(""), listener);
}

}  // namespace weir::sim::anthropic
