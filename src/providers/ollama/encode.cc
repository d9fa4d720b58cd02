// Encoding. Key order is fixed: the same request gives the same bytes, and a server that still has the prefix finds it.
#include <algorithm>
#include <map>

#include "json/write.h"
#include "llm/check.h"
#include "providers/ollama/wire.h"

namespace weir::providers::ollama {
namespace {

using ToolNames = std::map<std::string, std::string, std::less<>>;

std::unexpected<Error> unsupported(std::string_view what, std::string_view hint) {
  return fail(ErrorKind::kUnsupported, "ollama " + std::string(what), std::string(hint));
}

// A line end between tokens would be read as one by whoever splits lines; inside of strings JSON has none.
std::string one_line(std::string_view json) {
  std::string out(json);
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

Result<void> check_block(const llm::Block& block) {
  if (block.mark)
    return unsupported("has no cache breakpoints", "leave the marks out: it keeps prefixes itself");
  if (block.image && block.image->data.empty())
    return unsupported("takes no image by its URL", "give the image's data");
  if (block.tool_result && block.tool_result->is_error)
    return unsupported("cannot be told that a tool failed",
                       "say it in the text of the tool result, and leave is_error out");
  return {};
}

Result<void> check_request(const llm::Request& request) {
  if (request.model.empty()) return fail(ErrorKind::kInvalidArgument, "the request names no model");
  if (request.raw)
    return unsupported("takes no ready-made bodies of other formats",
                       "give a prompt template, or use openAICompatible with the endpoint "
                       "http://localhost:11434/v1");
  WEIR_CHECK(llm::check_parts(request));
  if (request.tool_choice.kind != llm::ToolChoice::Kind::kAuto)
    return unsupported("has no tool_choice",
                       "leave it out, and offer only the tools that may be called");
  for (const auto& tool : request.tools)
    if (tool.mark) return unsupported("has no cache breakpoints", "leave the marks out");
  for (const auto& block : request.system) WEIR_CHECK(check_block(block));
  for (const auto& message : request.messages)
    for (const auto& block : message.content) WEIR_CHECK(check_block(block));
  return {};
}

// One string: the format has no parts, so blocks are joined.
std::string text_of(const std::vector<llm::Block>& blocks) {
  std::string out;
  for (const auto& block : blocks)
    if (block.is_text()) out += block.text;
  return out;
}

// {"role":"tool","tool_name":"look","tool_call_id":"call_1","content":"…"}, ahead of the user's own message.
void write_user(json::Writer& out, const llm::Message& message, const ToolNames& names) {
  bool results = false, images = false;
  for (const auto& block : message.content) {
    images |= block.image.has_value();
    if (!block.tool_result) continue;
    results = true;
    const auto& result = *block.tool_result;
    out.begin_object().field("role", "tool");
    if (const auto name = names.find(result.tool_call_id); name != names.end())
      out.field("tool_name", name->second);
    out.field("tool_call_id", result.tool_call_id).field("content", result.text).end_object();
  }
  const std::string text = text_of(message.content);
  if (results && !images && text.empty()) return;
  out.begin_object().field("role", "user").field("content", text);
  if (images) {
    out.key("images").begin_array();
    for (const auto& block : message.content)
      if (block.image) out.string(block.image->data);
    out.end_array();
  }
  out.end_object();
}

// {"role":"assistant","content":"","tool_calls":[{"id":"call_1","function":{"name":"look","arguments":{…}}}]}
void write_assistant(json::Writer& out, const llm::Message& message, ToolNames& names) {
  out.begin_object().field("role", "assistant").field("content", text_of(message.content));
  bool calls = false;
  for (const auto& block : message.content) {
    if (!block.tool_call) continue;
    if (!std::exchange(calls, true)) out.key("tool_calls").begin_array();
    const auto& call = *block.tool_call;
    names[call.id] = call.name;
    out.begin_object().field("id", call.id).key("function").begin_object();
    out.field("name", call.name).key("arguments").raw(one_line(call.arguments_json));
    out.end_object().end_object();
  }
  if (calls) out.end_array();
  out.end_object();
}

void write_messages(json::Writer& out, const llm::Request& request) {
  ToolNames names;
  out.key("messages").begin_array();
  if (!request.system.empty())
    out.begin_object()
        .field("role", "system")
        .field("content", text_of(request.system))
        .end_object();
  for (const auto& message : request.messages) {
    if (message.role == llm::Role::kUser) write_user(out, message, names);
    else write_assistant(out, message, names);
  }
  out.end_array();
}

void write_tools(json::Writer& out, const std::vector<llm::Tool>& tools) {
  if (tools.empty()) return;
  out.key("tools").begin_array();
  for (const auto& tool : tools) {
    out.begin_object().field("type", "function").key("function").begin_object();
    out.field("name", tool.name);
    if (!tool.description.empty()) out.field("description", tool.description);
    out.key("parameters").raw(one_line(tool.parameters_json)).end_object().end_object();
  }
  out.end_array();
}

void write_options(json::Writer& out, const llm::Request& request) {
  if (!request.output_max && !request.temperature && !request.top_p && !request.seed &&
      request.stop.empty())
    return;
  out.key("options").begin_object();
  if (request.output_max) out.field("num_predict", request.output_max->count);
  if (request.temperature) out.key("temperature").number(*request.temperature);
  if (request.top_p) out.key("top_p").number(*request.top_p);
  if (request.seed) out.field("seed", *request.seed);
  if (!request.stop.empty()) {
    out.key("stop").begin_array();
    for (const auto& stop : request.stop) out.string(stop);
    out.end_array();
  }
  out.end_object();
}

}  // namespace

// {"model":"…","messages":[…],"tools":[…],"format":{…},"options":{"num_predict":9,"stop":["…"]},"truncate":false,
//  "shift":false,"stream":false}
Result<std::string> encode_body(const llm::Request& request) {
  WEIR_CHECK(check_request(request));
  json::Writer out;
  out.begin_object().field("model", request.model);
  write_messages(out, request);
  write_tools(out, request.tools);
  if (request.format) out.key("format").raw(one_line(request.format->schema_json));
  write_options(out, request);
  out.field("truncate", false).field("shift", false);
  out.field("stream", request.stream);  // the default is true
  return out.end_object().take();
}

}  // namespace weir::providers::ollama
