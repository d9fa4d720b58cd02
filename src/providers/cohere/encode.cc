// Encoding. Key order is fixed: the same request gives the same bytes, and a server that still has the prefix finds it.
#include <algorithm>
#include <utility>

#include "json/write.h"
#include "llm/check.h"
#include "providers/cohere/wire.h"

namespace weir::providers::cohere {
namespace {

std::unexpected<Error> unsupported(std::string_view what, std::string_view hint) {
  return fail(ErrorKind::kUnsupported, "cohere " + std::string(what), std::string(hint));
}

// A line end between tokens would be read as one by whoever splits lines; inside of strings JSON has none.
std::string one_line(std::string_view json) {
  std::string out(json);
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

Result<void> check_block(const llm::Block& block) {
  if (block.mark)
    return unsupported("has no cache breakpoints", "leave the marks out: its cache is its own");
  if (block.tool_result && block.tool_result->is_error)
    return unsupported("cannot be told that a tool failed",
                       "say it in the text of the tool result, and leave is_error out");
  return {};
}

// What rows of a batch cannot say, though the standard API can.
Result<void> check_batch(const llm::Request& request) {
  constexpr std::string_view kHint = "send it by the standard API: --route sync";
  if (request.format) return unsupported("takes no answer schema in a batch", kHint);
  if (!request.stop.empty()) return unsupported("takes no stop sequences in a batch", kHint);
  if (request.tool_choice.kind != llm::ToolChoice::Kind::kAuto)
    return unsupported("takes no tool_choice in a batch", kHint);
  return {};
}

Result<void> check_request(const llm::Request& request, llm::Route route) {
  if (request.model.empty()) return fail(ErrorKind::kInvalidArgument, "the request names no model");
  if (request.raw)
    return unsupported("takes no ready-made bodies of other formats",
                       "give a prompt template, or use openAICompatible with the endpoint "
                       "https://api.cohere.ai/compatibility/v1");
  WEIR_CHECK(llm::check_parts(request));
  if (request.tool_choice.kind == llm::ToolChoice::Kind::kNamed)
    return unsupported("cannot be told which tool to call",
                       "offer that tool alone, and require a call");
  if (request.format && !request.tools.empty())
    return unsupported("takes no answer schema beside tools", "leave one of them out");
  for (const auto& tool : request.tools)
    if (tool.mark) return unsupported("has no cache breakpoints", "leave the marks out");
  for (const auto& block : request.system) WEIR_CHECK(check_block(block));
  for (const auto& message : request.messages)
    for (const auto& block : message.content) WEIR_CHECK(check_block(block));
  return route == llm::Route::kBatch ? check_batch(request) : Result<void>();
}

class Body {
 public:
  explicit Body(llm::Route route) : batch_(route == llm::Route::kBatch) {}

  std::string write(const llm::Request& request) {
    out_.begin_object();
    if (!batch_) out_.field("model", request.model);
    write_messages(request);
    write_tools(request);
    write_limits(request);
    if (!batch_) out_.field("stream", request.stream);
    return out_.end_object().take();
  }

 private:
  void write_messages(const llm::Request& request) {
    out_.key("messages").begin_array();
    if (!request.system.empty()) {
      out_.begin_object().field("role", "system").key("content");
      write_content(request.system);
      out_.end_object();
    }
    for (const auto& message : request.messages) {
      if (message.role == llm::Role::kUser) write_user(message);
      else write_assistant(message);
    }
    out_.end_array();
  }

  // {"role":"tool","tool_call_id":"call_1","content":"…"}, ahead of the user's own message.
  void write_user(const llm::Message& message) {
    bool results = false, own = false;
    for (const auto& block : message.content) {
      own |= !block.tool_result;
      if (!block.tool_result) continue;
      results = true;
      out_.begin_object().field("role", "tool");
      out_.field("tool_call_id", block.tool_result->tool_call_id).key("content");
      write_content(std::vector{llm::Block{.text = block.tool_result->text}});
      out_.end_object();
    }
    if (results && !own) return;
    out_.begin_object().field("role", "user").key("content");
    write_content(message.content);
    out_.end_object();
  }

  // {"role":"assistant","content":"…","tool_calls":[…]}. A tool plan is not given back: newer models refuse it.
  void write_assistant(const llm::Message& message) {
    out_.begin_object().field("role", "assistant");
    if (std::ranges::any_of(message.content, &llm::Block::is_text)) {
      out_.key("content");
      write_content(message.content);
    }
    bool calls = false;
    for (const auto& block : message.content) {
      if (!block.tool_call) continue;
      if (!std::exchange(calls, true)) out_.key("tool_calls").begin_array();
      const auto& call = *block.tool_call;
      out_.begin_object().field("id", call.id).field("type", "function").key("function");
      out_.begin_object().field("name", call.name).field("arguments", call.arguments_json);
      out_.end_object().end_object();
    }
    if (calls) out_.end_array();
    out_.end_object();
  }

  // A text, or the list of parts: where there is one text only, and rows of batches do not want a list.
  void write_content(const std::vector<llm::Block>& blocks) {
    std::vector<std::string> texts;
    bool images = false;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      images |= blocks[i].image.has_value();
      if (!blocks[i].is_text()) continue;
      const bool joins = i > 0 && blocks[i - 1].is_text() && blocks[i - 1].goes_on;
      if (joins) texts.back() += blocks[i].text;
      else texts.push_back(blocks[i].text);
    }
    if (!batch_ && !images && texts.size() == 1) {
      out_.string(texts.front());
      return;
    }
    out_.begin_array();
    auto text = texts.begin();
    bool goes_on = false;
    for (const auto& block : blocks) {
      if (block.is_text() && !goes_on)
        out_.begin_object().field("type", "text").field("text", *text++).end_object();
      if (block.image) write_image(*block.image);
      goes_on = block.is_text() && block.goes_on;
    }
    out_.end_array();
  }

  void write_image(const llm::Image& image) {
    const std::string url =
        !image.data.empty() ? "data:" + image.media_type + ";base64," + image.data : image.url;
    out_.begin_object().field("type", "image_url").key("image_url");
    if (batch_) out_.string(url);
    else out_.begin_object().field("url", url).end_object();
    out_.end_object();
  }

  void write_tools(const llm::Request& request) {
    if (request.tools.empty()) return;
    out_.key("tools").begin_array();
    for (const auto& tool : request.tools) {
      out_.begin_object().field("type", "function").key("function").begin_object();
      out_.field("name", tool.name);
      if (!tool.description.empty()) out_.field("description", tool.description);
      out_.key("parameters");
      if (batch_) out_.string(tool.parameters_json);
      else out_.raw(one_line(tool.parameters_json));
      out_.end_object().end_object();
    }
    out_.end_array();
    using Choice = llm::ToolChoice::Kind;
    if (request.tool_choice.kind == Choice::kRequired) out_.field("tool_choice", "REQUIRED");
    if (request.tool_choice.kind == Choice::kNone) out_.field("tool_choice", "NONE");
  }

  void write_limits(const llm::Request& request) {
    if (request.format) {
      out_.key("response_format").begin_object().field("type", "json_object");
      out_.key("json_schema").raw(one_line(request.format->schema_json)).end_object();
    }
    if (request.output_max) out_.field("max_tokens", request.output_max->count);
    if (!request.stop.empty()) {
      out_.key("stop_sequences").begin_array();
      for (const auto& stop : request.stop) out_.string(stop);
      out_.end_array();
    }
    if (request.temperature) out_.key("temperature").number(*request.temperature);
    if (request.seed) out_.field("seed", *request.seed);
    if (request.top_p) out_.key("p").number(*request.top_p);
  }

  bool batch_;
  json::Writer out_;
};

}  // namespace

// {"model":"…","messages":[…],"tools":[…],"tool_choice":"REQUIRED","response_format":{"type":"json_object","json_schema":{…}},
//  "max_tokens":9,"stop_sequences":["…"],"temperature":0,"seed":1,"p":0.9,"stream":false}
Result<std::string> encode_body(const llm::Request& request, llm::Route route) {
  WEIR_CHECK(check_request(request, route));
  return Body(route).write(request);
}

}  // namespace weir::providers::cohere
