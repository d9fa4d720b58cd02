// A body of the Responses API, in the words of a chat completion.
#include <algorithm>
#include <array>
#include <memory>

#include "json/write.h"
#include "sim/openai_shape/responses.h"

namespace weir::sim::openai_shape {
namespace {

// There is no shorter answer. As users of the API report it; no document says so.
constexpr std::int64_t kOutputMin = 16;

constexpr std::array<std::string_view, 33> kParameters = {"access_programs",
                                                          "background",
                                                          "context_management",
                                                          "conversation",
                                                          "image",
                                                          "include",
                                                          "input",
                                                          "instructions",
                                                          "max_output_tokens",
                                                          "max_tool_calls",
                                                          "metadata",
                                                          "model",
                                                          "moderation",
                                                          "parallel_tool_calls",
                                                          "previous_response_id",
                                                          "prompt",
                                                          "prompt_cache_key",
                                                          "prompt_cache_options",
                                                          "prompt_cache_retention",
                                                          "reasoning",
                                                          "safety_identifier",
                                                          "service_tier",
                                                          "store",
                                                          "stream",
                                                          "stream_options",
                                                          "temperature",
                                                          "text",
                                                          "tool_choice",
                                                          "tools",
                                                          "top_logprobs",
                                                          "top_p",
                                                          "truncation",
                                                          "user"};
// What only a provider with a memory could answer.
constexpr std::array<std::string_view, 4> kKept = {"previous_response_id", "conversation", "prompt",
                                                   "background"};

std::unexpected<ApiError> lacks(const std::string& param) {
  return refuse("Missing required parameter: '" + param + "'.", param,
                "missing_required_parameter");
}

std::unexpected<ApiError> invalid(std::string_view value, const std::string& param) {
  return refuse("Invalid value: '" + std::string(value) + "'.", param, "invalid_value");
}

Checked<void> check_parameters(json::Value body) {
  for (const auto member : body.members()) {
    const auto is = [&](std::string_view name) { return name == member.key; };
    if (!std::ranges::any_of(kParameters, is))
      return refuse("Unknown parameter: '" + std::string(member.key) + "'.",
                    std::string(member.key), "unknown_parameter");
  }
  for (const auto name : kKept) {
    const json::Value value = body[name];
    if (value.is_null() || value.boolean() == false) continue;
    return refuse("The simulator keeps no responses: '" + std::string(name) + "' is not supported.",
                  std::string(name), "unsupported_value");
  }
  const json::Value limit = body["max_output_tokens"];
  if (limit.is_null()) return {};
  if (!limit.integer())
    return refuse("Invalid type for 'max_output_tokens': expected an integer.", "max_output_tokens",
                  "invalid_type");
  if (*limit.integer() < kOutputMin)
    return refuse(
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.",
        "max_output_tokens", "integer_below_min_value");
  return {};
}

// The messages of a completion, item by item. Calls that follow each other, and the assistant's text ahead of them, are one
// message there.
class Messages {
 public:
  Messages() { out_.begin_array(); }

  Checked<void> take(json::Value item, const std::string& where) {
    const auto type = item["type"].string().value_or("message");
    if (type == "message") return take_message(item, where);
    if (type == "function_call") return take_call(item, where);
    if (type == "function_call_output") return take_result(item, where);
    if (type == "reasoning") return {};  // of an earlier answer; not counted here
    return invalid(type, where + ".type");
  }
  void say(std::string_view role, std::string_view content_json) {
    flush();
    out_.begin_object().field("role", role).key("content").raw(content_json).end_object();
  }
  Checked<std::string> end() {
    flush();
    if (!open_.empty())
      return refuse("No tool output found for function call " + open_.front() + ".", "input");
    return out_.end_array().take();
  }

 private:
  Checked<void> take_message(json::Value item, const std::string& where) {
    const auto role = item["role"].string().value_or("");
    if (role.empty()) return lacks(where + ".role");
    if (role != "user" && role != "system" && role != "developer" && role != "assistant")
      return invalid(role, where + ".role");
    auto content = content_of(item["content"], where + ".content", role == "assistant");
    if (!content) return std::unexpected(std::move(content).error());
    if (role != "assistant") {
      say(role, *content);
      return {};
    }
    flush();
    said_ = *std::move(content);
    return {};
  }

  Checked<void> take_call(json::Value item, const std::string& where) {
    for (const std::string_view name : {"call_id", "name", "arguments"})
      if (!item[name].is_string()) return lacks(where + "." + std::string(name));
    json::Writer call;
    call.begin_object().field("id", *item["call_id"].string()).field("type", "function");
    call.key("function").begin_object().field("name", *item["name"].string());
    call.field("arguments", *item["arguments"].string()).end_object().end_object();
    if (!calls_.empty()) calls_ += ',';
    calls_ += call.text();
    open_.emplace_back(*item["call_id"].string());
    return {};
  }

  Checked<void> take_result(json::Value item, const std::string& where) {
    const auto id = item["call_id"].string();
    if (!id) return lacks(where + ".call_id");
    if (std::erase(open_, *id) == 0)
      return refuse(
          "No tool call found for function call output with call_id " + std::string(*id) + ".",
          "input");
    if (item["output"].is_null()) return lacks(where + ".output");
    auto content = content_of(item["output"], where + ".output", false);
    if (!content) return std::unexpected(std::move(content).error());
    flush();
    out_.begin_object().field("role", "tool").field("tool_call_id", *id);
    out_.key("content").raw(*content).end_object();
    return {};
  }

  // input_text, input_image and output_text parts as text and image_url parts, with their breakpoints.
  static Checked<std::string> content_of(json::Value content, const std::string& where,
                                         bool assistant) {
    if (content.is_string()) return content.text();
    if (!content.is_array() || content.size() == 0)
      return refuse("Invalid type for '" + where + "': expected a string or a non-empty array.",
                    where, "invalid_type");
    json::Writer out;
    out.begin_array();
    std::size_t index = 0;
    for (const auto element : content.items()) {
      const json::Value part(element);
      const std::string place = where + "[" + std::to_string(index++) + "]";
      const auto type = part["type"].string().value_or("");
      const std::string_view text = assistant ? "output_text" : "input_text";
      out.begin_object();
      if (type == text) {
        if (!part["text"].is_string()) return lacks(place + ".text");
        out.field("type", "text").field("text", *part["text"].string());
      } else if (assistant && type == "refusal") {
        out.field("type", "refusal").field("refusal", part["refusal"].string_or(""));
      } else if (!assistant && type == "input_image") {
        const auto url = part["image_url"].string();
        if (!url) return lacks(place + ".image_url");
        out.field("type", "image_url").key("image_url").begin_object().field("url", *url);
        out.end_object();
      } else {
        return refuse("Invalid value: '" + std::string(type) + "'. Supported values are: '" +
                          std::string(text) + "'" +
                          (assistant ? " and 'refusal'." : " and 'input_image'."),
                      place + ".type", "invalid_value");
      }
      if (const json::Value mark = part["prompt_cache_breakpoint"]; !mark.is_null())
        out.key("prompt_cache_breakpoint").raw(mark.text());
      out.end_object();
    }
    return out.end_array().take();
  }

  void flush() {
    if (said_.empty() && calls_.empty()) return;
    out_.begin_object().field("role", "assistant").key("content");
    if (said_.empty()) out_.null();
    else out_.raw(said_);
    if (!calls_.empty()) out_.key("tool_calls").raw("[" + calls_ + "]");
    out_.end_object();
    said_.clear();
    calls_.clear();
  }

  json::Writer out_;
  std::string said_, calls_;       // of the assistant's message that is being put together
  std::vector<std::string> open_;  // calls without their outputs
};

Checked<std::string> messages_of(json::Value body) {
  Messages messages;
  if (const json::Value said = body["instructions"]; said.is_string())
    messages.say("system", said.text());
  const json::Value input = body["input"];
  if (input.is_null()) return lacks("input");
  if (input.is_string()) {
    messages.say("user", input.text());
    return messages.end();
  }
  if (!input.is_array() || input.size() == 0)
    return refuse("Invalid type for 'input': expected a string or a non-empty array.", "input",
                  "invalid_type");
  std::size_t index = 0;
  for (const auto item : input.items())
    if (auto done = messages.take(item, "input[" + std::to_string(index++) + "]"); !done)
      return std::unexpected(std::move(done).error());
  return messages.end();
}

Checked<void> write_tools(json::Value body, json::Writer& out) {
  if (body["tools"].size() > 0) {
    out.key("tools").begin_array();
    std::size_t index = 0;
    for (const auto element : body["tools"].items()) {
      const json::Value tool(element);
      const std::string place = "tools[" + std::to_string(index++) + "]";
      if (!tool["type"].is_string()) return lacks(place + ".type");
      if (tool["type"].string() != "function")
        return refuse("The simulator runs functions only.", place + ".type", "unsupported_value");
      if (!tool["name"].is_string()) return lacks(place + ".name");
      out.begin_object().field("type", "function").key("function").begin_object();
      for (const std::string_view key : {"name", "description", "parameters", "strict"})
        if (!tool[key].is_null()) out.key(key).raw(tool[key].text());
      out.end_object().end_object();
    }
    out.end_array();
  }
  const json::Value choice = body["tool_choice"];
  if (choice.is_null() || (body["tools"].size() == 0 && choice.string() == "auto")) return {};
  out.key("tool_choice");
  if (!choice.is_object()) {
    out.raw(choice.text());
    return {};
  }
  if (choice["type"].string() != "function")
    return invalid(choice["type"].string_or(""), "tool_choice.type");
  if (!choice["name"].is_string()) return lacks("tool_choice.name");
  out.begin_object().field("type", "function").key("function").begin_object();
  out.field("name", *choice["name"].string()).end_object().end_object();
  return {};
}

Checked<void> write_format(json::Value body, json::Writer& out) {
  const json::Value format = body["text"]["format"];
  if (format.is_null()) return {};
  const auto type = format["type"].string().value_or("");
  if (type != "text" && type != "json_object" && type != "json_schema")
    return invalid(type, "text.format.type");
  out.key("response_format").begin_object().field("type", type);
  if (type == "json_schema") {
    if (!format["name"].is_string()) return lacks("text.format.name");
    if (!format["schema"].is_object()) return lacks("text.format.schema");
    out.key("json_schema").begin_object().field("name", *format["name"].string());
    out.key("schema").raw(format["schema"].text()).end_object();
  }
  out.end_object();
  return {};
}

// {"model":…,"messages":[…],…}
Checked<std::string> chat_of(json::Value body) {
  auto messages = messages_of(body);
  if (!messages) return std::unexpected(std::move(messages).error());
  json::Writer out;
  out.begin_object();
  const auto say = [&](std::string_view key, json::Value value) {
    if (!value.is_null()) out.key(key).raw(value.text());
  };
  for (const std::string_view key :
       {"model", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
        "service_tier", "stream", "temperature", "top_p", "parallel_tool_calls"})
    say(key, body[key]);
  say("max_completion_tokens", body["max_output_tokens"]);
  say("reasoning_effort", body["reasoning"]["effort"]);
  say("verbosity", body["text"]["verbosity"]);
  out.key("messages").raw(*messages);
  if (auto done = write_tools(body, out); !done) return std::unexpected(std::move(done).error());
  if (auto done = write_format(body, out); !done) return std::unexpected(std::move(done).error());
  return out.end_object().take();
}

// Members that every response object has, as the caller gave them or as they are when not given.
std::string echo_of(json::Value body) {
  json::Writer out;
  out.begin_object();
  const auto echo = [&](std::string_view key, std::string_view usual) {
    out.key(key).raw(body[key].is_null() ? std::string(usual) : body[key].text());
  };
  echo("background", "false");
  echo("instructions", "null");
  echo("max_output_tokens", "null");
  echo("max_tool_calls", "null");
  echo("metadata", "{}");
  echo("parallel_tool_calls", "true");
  echo("previous_response_id", "null");
  echo("prompt_cache_key", "null");
  echo("reasoning", R"({"effort":null,"summary":null})");
  echo("safety_identifier", "null");
  echo("store", "true");
  echo("temperature", "1");
  echo("text", R"({"format":{"type":"text"}})");
  echo("tool_choice", R"("auto")");
  echo("tools", "[]");
  echo("top_logprobs", "0");
  echo("top_p", "1");
  echo("truncation", R"("disabled")");
  std::string text = out.end_object().take();
  return text.substr(1, text.size() - 2);
}

}  // namespace

Checked<ChatRequest> read_responses(const Traits& traits, const PriceTable& prices,
                                    json::Value body) {
  if (!body.is_object())
    return refuse("We could not parse the JSON body of your request: expected an object.");
  if (auto done = check_parameters(body); !done) return std::unexpected(std::move(done).error());
  auto chat = chat_of(body);
  if (!chat) return std::unexpected(std::move(chat).error());
  auto parser = std::make_shared<json::Parser>();
  const auto parsed = parser->parse(*chat);
  if (!parsed) return refuse("We could not parse the JSON body of your request.");
  auto request = read_chat(traits, prices, *parsed);
  if (!request) return request;
  request->owner = std::move(parser);
  request->echo = echo_of(body);
  return request;
}

}  // namespace weir::sim::openai_shape
