#include "sim/providers/ollama/native_request.h"

#include <algorithm>

#include "json/write.h"

namespace weir::sim::ollama {
namespace {

using openai_shape::Checked;
using openai_shape::refuse;

std::unexpected<openai_shape::ApiError> mistyped(std::string_view what, std::string_view field,
                                                 std::string_view type) {
  return refuse("json: cannot unmarshal " + std::string(what) + " into Go struct field " +
                std::string(field) + " of type " + std::string(type));
}

bool is_base64(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
  });
}

Checked<void> write_images(json::Value images, json::Writer& out) {
  for (const auto item : images.items()) {
    const auto data = json::Value(item).string();
    if (!data || !is_base64(*data)) return refuse("illegal base64 data at input byte 0", "images");
    out.begin_object().field("type", "image_url").key("image_url").begin_object();
    out.field("url", "data:image/png;base64," + std::string(*data)).end_object().end_object();
  }
  return {};
}

// Calls and results are text to the model: templates write them into the prompt, whether or not they belong together.
Checked<std::string> calls_text(json::Value calls) {
  std::string out;
  for (const auto item : calls.items()) {
    const json::Value function = json::Value(item)["function"];
    if (!function["arguments"].is_object())
      return mistyped("string", "ChatRequest.messages.tool_calls.function.arguments",
                      "api.ToolCallFunctionArguments");
    out += "\n" + function["name"].string_or("") + " " + function["arguments"].text();
  }
  return out;
}

Checked<void> write_message(json::Value message, json::Writer& out) {
  const auto role = message["role"].string().value_or("");
  if (role != "system" && role != "user" && role != "assistant" && role != "tool")
    return refuse("invalid role: " + std::string(role) +
                  ", role must be one of [system, user, assistant, tool]");
  if (!message["content"].is_null() && !message["content"].is_string())
    return mistyped("array", "ChatRequest.messages.content", "string");
  auto calls = calls_text(message["tool_calls"]);
  if (!calls) return std::unexpected(std::move(calls).error());
  const std::string text = message["content"].string_or("") + *calls;
  out.begin_object().field("role", role == "tool" ? "user" : role).key("content");
  if (message["images"].size() == 0) {
    out.string(text);
  } else {
    out.begin_array();
    if (auto done = write_images(message["images"], out); !done) return done;
    out.begin_object().field("type", "text").field("text", text).end_object().end_array();
  }
  out.end_object();
  return {};
}

Checked<void> write_options(json::Value options, json::Writer& out) {
  for (const auto member : options.members()) {
    const json::Value value(member.value);
    const bool whole =
        member.key == "num_predict" || member.key == "seed" || member.key == "num_ctx";
    if (whole && !value.integer())
      return refuse("option \"" + std::string(member.key) + "\" must be of type integer");
    if ((member.key == "temperature" || member.key == "top_p") && !value.is_number())
      return refuse("option \"" + std::string(member.key) + "\" must be of type float32");
    if (member.key == "stop" && !value.is_array())
      return refuse("option \"stop\" must be of type array");
  }
  // Negative: without a limit.
  if (const auto most = options["num_predict"].integer(); most && *most > 0)
    out.field("max_tokens", *most);
  if (options["stop"].size() > 0) out.key("stop").raw(options["stop"].text());
  return {};
}

void write_format(json::Value format, json::Writer& out) {
  if (format.is_object()) {
    out.key("response_format").begin_object().field("type", "json_schema").key("json_schema");
    out.begin_object().field("name", "format").key("schema").raw(format.text());
    out.end_object().end_object();
  } else if (format.string() == "json") {
    out.key("response_format").begin_object().field("type", "json_object").end_object();
  }
}

}  // namespace

Checked<NativeRequest> read_native(const PriceTable& pulled, json::Value body) {
  if (!body.is_object()) return refuse("invalid character looking for beginning of value");
  NativeRequest out{.model = body["model"].string_or("")};
  if (out.model.empty()) return refuse("model is required");
  // No tag is the tag "latest".
  std::string model = out.model;
  if (model.ends_with(":latest")) model.resize(model.size() - 7);
  if (pulled.find(model) == nullptr)
    return refuse("model \"" + out.model + "\" not found, try pulling it first", "", "", 404);
  out.stream = body["stream"].boolean().value_or(true);
  out.truncate = body["truncate"].boolean().value_or(true);
  if (!body["messages"].is_array())
    return mistyped("object", "ChatRequest.messages", "[]api.Message");
  json::Writer chat;
  chat.begin_object().field("model", model).key("messages").begin_array();
  for (const auto item : body["messages"].items())
    if (auto done = write_message(json::Value(item), chat); !done)
      return std::unexpected(std::move(done).error());
  chat.end_array();
  if (body["tools"].size() > 0) chat.key("tools").raw(body["tools"].text());
  write_format(body["format"], chat);
  if (auto done = write_options(body["options"], chat); !done)
    return std::unexpected(std::move(done).error());
  out.chat = chat.end_object().take();
  return out;
}

std::optional<std::string> shorter(json::Value chat) {
  const auto messages = chat["messages"].items();
  std::size_t first = 0;
  if (messages.size() > 0 && json::Value(messages.at(0))["role"].string() == "system") first = 1;
  if (messages.size() <= first) return std::nullopt;
  const bool last_only = messages.size() == first + 1;
  json::Writer out;
  out.begin_object();
  for (const auto member : chat.members()) {
    out.key(member.key);
    if (member.key != "messages") {
      out.raw(json::Value(member.value).text());
      continue;
    }
    out.begin_array();
    std::size_t at = 0;
    for (const auto item : messages) {
      const json::Value message(item);
      const bool touched = at++ == first;
      if (!touched) {
        out.raw(message.text());
      } else if (last_only) {
        const auto text = message["content"].string().value_or("");
        if (text.size() < 2) return std::nullopt;
        out.begin_object().field("role", message["role"].string_or("user"));
        out.field("content", text.substr(text.size() / 2)).end_object();
      }
    }
    out.end_array();
  }
  return out.end_object().take();
}

}  // namespace weir::sim::ollama
