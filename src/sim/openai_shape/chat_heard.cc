#include "sim/openai_shape/chat_heard.h"

namespace weir::sim::openai_shape {
namespace {

// "data:image/png;base64,…" without what stands in front of the data.
std::string picture_of(json::Value part) {
  const auto url = part["image_url"];
  const auto text = url.string().value_or(url["url"].string().value_or(""));
  const auto comma = text.find(',');
  return std::string(
      text.starts_with("data:") && comma != std::string_view::npos ? text.substr(comma + 1) : text);
}

std::string words_of(json::Value content) {
  std::string out = content.string_or("");
  for (const auto part : content.items()) out += part["text"].string_or("");
  return out;
}

void hear_message(json::Value message, Listener& listener) {
  auto role = message["role"].string_or("");
  if (role == "developer") role = "system";
  const json::Value content = message["content"];
  if (role == "tool") {
    listener.add({.kind = Heard::Kind::kResult,
                  .role = "user",
                  .name = message["tool_call_id"].string_or(""),
                  .text = words_of(content)});
  } else if (const auto text = content.string()) {
    listener.add({.kind = Heard::Kind::kText, .role = role, .text = std::string(*text)});
  }
  for (const auto part : content.items()) {
    if (role != "tool") {
      if (const auto text = part["text"].string())
        listener.add({.kind = Heard::Kind::kText, .role = role, .text = std::string(*text)});
      else listener.add({.kind = Heard::Kind::kImage, .role = role, .text = picture_of(part)});
    }
    if (const auto mark = part["prompt_cache_breakpoint"]; !mark.is_null())
      listener.mark(mark["ttl"].string_or("default"));
  }
  hear_calls(message, role, listener);
}

}  // namespace

void hear_tools(json::Value body, Listener& listener) {
  for (const auto tool : body["tools"].items())
    listener.add({.kind = Heard::Kind::kTool,
                  .name = tool["function"]["name"].string_or(""),
                  .text = tool["function"]["description"].string_or(""),
                  .json = heard_json(tool["function"]["parameters"])});
}

void hear_calls(json::Value message, const std::string& role, Listener& listener) {
  for (const auto call : message["tool_calls"].items())
    listener.add({.kind = Heard::Kind::kCall,
                  .role = role,
                  .name = call["function"]["name"].string_or(""),
                  .text = call["id"].string_or(""),
                  .json = heard_json(call["function"]["arguments"])});
}

void hear_chat(json::Value body, Listener& listener) {
  listener.begin();
  hear_tools(body, listener);
  const json::Value format = body["response_format"];
  const json::Value described = format["json_schema"];
  for (const auto schema : {described["schema"], format["schema"]})
    if (!schema.is_null()) listener.add({.kind = Heard::Kind::kSchema, .json = heard_json(schema)});
  // Cohere's stands there by itself.
  if (described.is_object() && described["schema"].is_null())
    listener.add({.kind = Heard::Kind::kSchema, .json = heard_json(described)});
  for (const auto message : body["messages"].items()) hear_message(message, listener);
}

}  // namespace weir::sim::openai_shape
