#pragma once
// What a neutral request means, in the simulator's words, and how the two are compared.
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "json/write.h"
#include "llm/types.h"
#include "sim/heard.h"

namespace weir::translation {

inline std::string minified(std::string_view text) {
  json::Parser parser;
  return parser.parse(text).value_or(json::Value()).text();
}

/// The stated adjustment of all providers: what is no UTF-8 cannot be said in JSON, and is replaced.
inline std::string sayable(std::string_view text) {
  json::Writer out;
  out.begin_object().field("text", text).end_object();
  json::Parser parser;
  const std::string written = out.take();
  return parser.parse(written).value_or(json::Value())["text"].string_or("");
}

inline sim::Heard meant_by(const llm::Block& block, const std::string& role) {
  using Kind = sim::Heard::Kind;
  if (block.image) return {.kind = Kind::kImage, .role = role, .text = block.image->data};
  if (block.tool_call)
    return {.kind = Kind::kCall,
            .role = role,
            .name = block.tool_call->name,
            .text = block.tool_call->id,
            .json = minified(block.tool_call->arguments_json)};
  if (block.tool_result)
    return {.kind = Kind::kResult,
            .role = role,
            .name = block.tool_result->tool_call_id,
            .text = sayable(block.tool_result->text)};
  return {.kind = Kind::kText, .role = role, .text = sayable(block.text)};
}

/// @param lives what the provider calls the life of a mark among the system's texts, and among the user's.
inline std::vector<sim::Heard> meant_by(const llm::Request& request, std::string_view lives) {
  using Kind = sim::Heard::Kind;
  std::vector<sim::Heard> out;
  for (const auto& tool : request.tools)
    out.push_back({.kind = Kind::kTool,
                   .name = tool.name,
                   .text = sayable(tool.description),
                   .json = minified(tool.parameters_json)});
  if (request.format)
    out.push_back({.kind = Kind::kSchema, .json = minified(request.format->schema_json)});
  const auto add = [&](const llm::Block& block, const std::string& role, std::string_view life) {
    out.push_back(meant_by(block, role));
    if (block.mark) out.back().mark = life;
  };
  for (const auto& block : request.system) add(block, "system", lives.substr(0, lives.find(' ')));
  for (const auto& message : request.messages)
    for (const auto& block : message.content)
      add(block, message.role == llm::Role::kUser ? "user" : "assistant",
          lives.substr(lives.find(' ') + 1));
  return out;
}

/// One line a piece. Texts of a role that follow each other are one, unless a mark ends the first; an id is told by its first use, for
/// some providers have ids of their own.
/// @param with_ids false: the provider has none.
inline std::string told(const std::vector<sim::Heard>& pieces, bool with_ids) {
  using Kind = sim::Heard::Kind;
  std::map<std::string, std::size_t> ids;
  const auto number = [&](const std::string& id) {
    return with_ids ? ids.emplace(id, ids.size()).first->second : 0;
  };
  std::string out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    auto piece = pieces[i];
    while (piece.kind == Kind::kText && piece.mark.empty() && i + 1 < pieces.size() &&
           pieces[i + 1].kind == Kind::kText && pieces[i + 1].role == piece.role) {
      piece.text += pieces[++i].text;
      piece.mark = pieces[i].mark;
    }
    if (piece.kind == Kind::kCall) piece.text = fmt::format("#{}", number(piece.text));
    if (piece.kind == Kind::kResult) piece.name = fmt::format("#{}", number(piece.name));
    out += fmt::format("{} {} '{}' '{}' {} [{}]\n", static_cast<int>(piece.kind), piece.role,
                       piece.name, piece.text, piece.json, piece.mark);
  }
  return out;
}

}  // namespace weir::translation
