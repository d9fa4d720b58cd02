#include "sim/gemini_shape/heard.h"

namespace weir::sim::gemini_shape {
namespace {

void hear_part(json::Value part, const std::string& role, Listener& listener) {
  if (const auto text = part["text"].string())
    return listener.add({.kind = Heard::Kind::kText, .role = role, .text = std::string(*text)});
  if (const auto data = member(part, "inlineData"); data.is_object())
    return listener.add(
        {.kind = Heard::Kind::kImage, .role = role, .text = data["data"].string_or("")});
  if (const auto call = member(part, "functionCall"); call.is_object())
    return listener.add({.kind = Heard::Kind::kCall,
                         .role = role,
                         .name = call["name"].string_or(""),
                         .text = call["id"].string_or(""),
                         .json = heard_json(call["args"])});
  if (const auto result = member(part, "functionResponse"); result.is_object()) {
    const auto response = result["response"];
    listener.add({.kind = Heard::Kind::kResult,
                  .role = role,
                  .name = result["id"].string_or(""),
                  .text = response["output"].string_or(response["error"].string_or(""))});
  }
}

}  // namespace

void hear_request(const GenerateRequest& request, Listener& listener) {
  const json::Value body = request.body;
  listener.begin();
  for (const auto tool : body["tools"].items())
    for (const auto function : member(tool, "functionDeclarations").items()) {
      auto parameters = member(function, "parametersJsonSchema");
      if (parameters.is_null()) parameters = function["parameters"];
      listener.add({.kind = Heard::Kind::kTool,
                    .name = function["name"].string_or(""),
                    .text = function["description"].string_or(""),
                    .json = heard_json(parameters)});
    }
  const json::Value config = member(body, "generationConfig");
  for (const std::string_view name : {"responseSchema", "responseJsonSchema"})
    if (const auto schema = member(config, name); !schema.is_null())
      listener.add({.kind = Heard::Kind::kSchema, .json = heard_json(schema)});
  for (const auto part : member(body, "systemInstruction")["parts"].items())
    hear_part(part, "system", listener);
  for (const auto content : body["contents"].items()) {
    const auto role = content["role"].string_or("user");
    for (const auto part : content["parts"].items())
      hear_part(part, role == "model" ? "assistant" : role, listener);
  }
}

}  // namespace weir::sim::gemini_shape
