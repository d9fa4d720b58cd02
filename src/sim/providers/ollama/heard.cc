#include "sim/providers/ollama/heard.h"

#include "sim/openai_shape/chat_heard.h"

namespace weir::sim::ollama {
namespace {

void hear_turn(json::Value message, Listener& listener) {
  const auto role = message["role"].string_or("");
  const auto words = message["content"].string_or("");
  if (role == "tool")
    return listener.add({.kind = Heard::Kind::kResult,
                         .role = "user",
                         .name = message["tool_call_id"].string_or(""),
                         .text = words});
  for (const auto image : message["images"].items())
    listener.add({.kind = Heard::Kind::kImage, .role = role, .text = image.string_or("")});
  if (!words.empty()) listener.add({.kind = Heard::Kind::kText, .role = role, .text = words});
  openai_shape::hear_calls(message, role, listener);
}

}  // namespace

void hear_native(json::Value body, Listener& listener) {
  listener.begin();
  openai_shape::hear_tools(body, listener);
  if (const auto schema = body["format"]; schema.is_object())
    listener.add({.kind = Heard::Kind::kSchema, .json = heard_json(schema)});
  for (const auto message : body["messages"].items()) hear_turn(message, listener);
}

}  // namespace weir::sim::ollama
