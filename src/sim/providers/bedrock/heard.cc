#include "sim/providers/bedrock/heard.h"

namespace weir::sim::bedrock {
namespace {

void hear_block(json::Value block, const std::string& role, Listener& listener) {
  if (const auto point = block["cachePoint"]; !point.is_null())
    return listener.mark(point["ttl"].string_or("5m"));
  if (const auto text = block["text"].string())
    return listener.add({.kind = Heard::Kind::kText, .role = role, .text = std::string(*text)});
  if (const auto image = block["image"]; !image.is_null())
    return listener.add({.kind = Heard::Kind::kImage,
                         .role = role,
                         .text = image["source"]["bytes"].string_or("")});
  if (const auto call = block["toolUse"]; !call.is_null())
    return listener.add({.kind = Heard::Kind::kCall,
                         .role = role,
                         .name = call["name"].string_or(""),
                         .text = call["toolUseId"].string_or(""),
                         .json = heard_json(call["input"])});
  const auto result = block["toolResult"];
  std::string words;
  for (const auto piece : result["content"].items()) words += piece["text"].string_or("");
  listener.add({.kind = Heard::Kind::kResult,
                .role = role,
                .name = result["toolUseId"].string_or(""),
                .text = std::move(words)});
}

}  // namespace

void hear_converse(json::Value body, Listener& listener) {
  listener.begin();
  for (const auto tool : body["toolConfig"]["tools"].items()) {
    const auto spec = tool["toolSpec"];
    if (spec.is_null()) hear_block(tool, "", listener);
    else
      listener.add({.kind = Heard::Kind::kTool,
                    .name = spec["name"].string_or(""),
                    .text = spec["description"].string_or(""),
                    .json = heard_json(spec["inputSchema"]["json"])});
  }
  const auto schema = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"];
  if (!schema.is_null()) listener.add({.kind = Heard::Kind::kSchema, .json = heard_json(schema)});
  for (const auto block : body["system"].items()) hear_block(block, "system", listener);
  for (const auto message : body["messages"].items())
    for (const auto block : message["content"].items())
      hear_block(block, message["role"].string_or(""), listener);
}

}  // namespace weir::sim::bedrock
