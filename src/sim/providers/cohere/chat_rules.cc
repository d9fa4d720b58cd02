#include "sim/providers/cohere/chat_rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace weir::sim::cohere {
namespace {

using openai_shape::ApiError;
using openai_shape::ChatRequest;
using openai_shape::Checked;
using openai_shape::refuse;

constexpr std::int64_t kOutputDefaultMax = 4096;  // where the price row does not say
constexpr std::size_t kStopsMax = 5;
constexpr std::size_t kDepthMax = 64;

std::unexpected<ApiError> invalid(std::string_view what, int status = 400) {
  return refuse("invalid request: " + std::string(what), {}, {}, status);
}

// A text, or parts of text and image; in a row parts alone, and an image by its bare URL.
Checked<void> check_content(json::Value content, bool row, bool images) {
  if (content.is_string() && !row) return {};
  if (!content.is_array()) return invalid("message content must be a list of parts");
  for (const auto item : content.items()) {
    const json::Value part(item);
    const auto type = part["type"].string().value_or("");
    if (type == "text" && part["text"].is_string()) continue;
    const auto url = row ? part["image_url"].string() : part["image_url"]["url"].string();
    if (type == "image_url" && images && url &&
        (url->starts_with("data:image/") || url->starts_with("https://") ||
         url->starts_with("http://")))
      continue;
    return invalid("message content has a part of an unknown kind");
  }
  return {};
}

// The calls that were made so far, and those that wait for their results.
class Turns {
 public:
  explicit Turns(bool row) : row_(row) {}

  Checked<void> take(json::Value message, bool first) {
    const auto role = message["role"].string().value_or("");
    if (role == "tool") return take_result(message);
    if (!open_.empty()) return invalid("tool calls must be followed by their results");
    if (role == "system") {
      if (!first) return refuse("system turn must be the first in the list");
      return check_content(message["content"], row_, false);
    }
    if (role == "user") {
      if (message["content"].size() == 0 && message["content"].string().value_or("").empty())
        return refuse("message must not be empty in a turn");
      return check_content(message["content"], row_, true);
    }
    if (role != "assistant") return invalid("Role must be one of: user, assistant, system, tool");
    if (!message["tool_plan"].is_null()) return invalid("tool_plan is not supported by this model");
    return take_calls(message);
  }
  [[nodiscard]] Checked<void> end() const {
    if (open_.empty()) return {};
    return invalid("tool calls must be followed by their results");
  }

 private:
  Checked<void> take_calls(json::Value message) {
    if (message["content"].is_null() && message["tool_calls"].size() == 0)
      return refuse("message must not be empty in a turn");
    for (const auto item : message["tool_calls"].items()) {
      const json::Value call(item), function = call["function"];
      if (call["type"].string() != "function") return refuse("tool call must be of type function");
      if (call["id"].string().value_or("").empty() || !function["name"].is_string() ||
          !function["arguments"].is_string())
        return invalid("a tool call needs id, name and arguments");
      if (std::ranges::find(open_, *call["id"].string()) != open_.end())
        return refuse("cannot have duplicate tool ids");
      open_.emplace_back(*call["id"].string());
    }
    if (message["content"].is_null()) return {};
    return check_content(message["content"], row_, false);
  }
  Checked<void> take_result(json::Value message) {
    const auto id = message["tool_call_id"].string();
    if (!id) return refuse("tool call id must be provided with tool message");
    if (std::erase(open_, *id) == 0) return refuse("tool call id not found in previous tool calls");
    return check_content(message["content"], row_, false);
  }

  bool row_;
  std::vector<std::string> open_;
};

Checked<void> check_messages(json::Value body, bool row) {
  const auto messages = body["messages"];
  if (!messages.is_array() || messages.size() == 0) return invalid("messages must not be empty");
  Turns turns(row);
  bool first = true;
  for (const auto message : messages.items())
    if (auto done = turns.take(message, std::exchange(first, false)); !done) return done;
  return turns.end();
}

Checked<void> check_tools(json::Value body, bool row) {
  for (const auto item : body["tools"].items()) {
    const json::Value function = json::Value(item)["function"], parameters = function["parameters"];
    const auto name = function["name"].string().value_or("");
    const bool plain = std::ranges::all_of(name, [](char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    if (name.empty() || !plain || (name[0] >= '0' && name[0] <= '9'))
      return invalid(
          "tool names can only contain certain characters (A-Za-z0-9_) and can't begin with a "
          "digit (provided name: '" +
          std::string(name) + "').");
    if (row ? !parameters.is_string() : !parameters.is_object())
      return invalid("the parameters of a tool are not of the right type");
  }
  return {};
}

Checked<void> check_ranges(json::Value body) {
  const auto within = [&](std::string_view name, double low, double high) {
    const auto value = body[name];
    return value.is_null() || (value.number() && *value.number() >= low && *value.number() <= high);
  };
  if (!within("temperature", 0, 1))
    return invalid("temperature must be between 0 and 1.0 inclusive.");
  if (!within("p", 0.01, 0.99)) return invalid("p must be between 0.01 and 0.99 inclusive.");
  if (!within("k", 0, 500)) return invalid("k must be between 0 and 500 inclusive.");
  if (!within("seed", 0, 18446744073709552000.0)) return invalid("seed must not be negative.");
  if (body["stop_sequences"].size() > kStopsMax)
    return invalid("the number of stop sequences must be at most 5.");
  if (const auto limit = body["max_tokens"]; !limit.is_null() && limit.integer_or(0) < 1)
    return invalid("max_tokens must be at least 1.");
  return {};
}

// Every object of an answer's schema requires something.
Checked<void> check_schema(json::Value schema, bool top, std::size_t depth) {
  if (!schema.is_object() || depth > kDepthMax) return {};
  if (top && schema["type"].string() != "object") return refuse("schema must be an object");
  if (schema["type"].string() == "object" && schema["properties"].size() > 0 &&
      schema["required"].size() == 0)
    return refuse("every object of a schema must have at least one required field");
  for (const auto property : schema["properties"].members())
    if (auto done = check_schema(property.value, false, depth + 1); !done) return done;
  return check_schema(schema["items"], false, depth + 1);
}

Checked<void> read_format(ChatRequest& request) {
  const auto format = request.body["response_format"];
  if (format.is_null()) return {};
  const auto type = format["type"].string().value_or("");
  if (type == "text") return {};
  if (type != "json_object") return invalid("response_format.type is invalid");
  if (request.body["tools"].size() > 0 || request.body["documents"].size() > 0)
    return invalid("response_format is not supported with tools or documents.");
  if (format["json_schema"].is_null()) return {};
  if (auto done = check_schema(format["json_schema"], true, 0); !done) return done;
  request.schema = format["json_schema"];
  return {};
}

Checked<void> read_choice(ChatRequest& request) {
  const auto choice = request.body["tool_choice"], tools = request.body["tools"];
  if (choice.is_null()) return {};
  const auto word = choice.string().value_or("");
  if (word != "REQUIRED" && word != "NONE")
    return invalid("tool_choice must be one of REQUIRED, NONE");
  if (tools.size() == 0) return invalid("tool_choice needs tools");
  if (word == "NONE") return {};
  const json::Value function = tools.items().at(0)["function"];
  request.tool = function["name"].string_or("");
  request.schema = function["parameters"];
  return {};
}

Checked<ChatRequest> read(const PriceTable& prices, json::Value body, std::string_view model,
                          bool row) {
  ChatRequest request{.body = body};
  request.model = model;
  request.row = prices.find(model);
  if (request.row == nullptr)
    return refuse("model '" + std::string(model) +
                      "' not found, make sure the correct model ID was used and that you have "
                      "access to the model.",
                  {}, {}, 404);
  for (auto check : {check_messages(body, row), check_tools(body, row), check_ranges(body)})
    if (!check) return std::unexpected(std::move(check).error());
  const auto most =
      request.row->output_tokens_max > 0 ? request.row->output_tokens_max : kOutputDefaultMax;
  request.output_max = std::min(body["max_tokens"].integer_or(most), most);  // no error: capped
  request.stream = body["stream"].boolean().value_or(false);
  if (row) return request;
  if (auto done = read_format(request); !done) return std::unexpected(std::move(done).error());
  if (auto done = read_choice(request); !done) return std::unexpected(std::move(done).error());
  return request;
}

}  // namespace

Checked<ChatRequest> read_request(const PriceTable& prices, json::Value body) {
  if (!body.is_object()) return invalid("the body is no JSON object");
  const auto model = body["model"].string();
  if (!model) return refuse("a model parameter is required for this endpoint.");
  return read(prices, body, *model, false);
}

Checked<ChatRequest> read_row_body(const PriceTable& prices, json::Value body,
                                   std::string_view model) {
  return read(prices, body, model, true);
}

// The names are those that clients of third parties found to be taken (read 2026-11-27).
std::string wrong_in_row(json::Value body) {
  constexpr std::array<std::string_view, 14> kNames{"messages",
                                                    "tools",
                                                    "temperature",
                                                    "p",
                                                    "frequency_penalty",
                                                    "presence_penalty",
                                                    "reasoning",
                                                    "thinking_budget",
                                                    "return_prompt",
                                                    "logprobs",
                                                    "max_tokens",
                                                    "max_input_tokens",
                                                    "k",
                                                    "seed"};
  if (!body.is_object()) return "The required field body was not found in the dataset";
  for (const auto member : body.members())
    if (std::ranges::find(kNames, member.key) == kNames.end())
      return "unknown field body." + std::string(member.key);
  if (!body["messages"].is_array())
    return "The required field body.messages was not found in the dataset";
  for (const auto message : body["messages"].items())
    if (!json::Value(message)["content"].is_array() && !json::Value(message)["content"].is_null())
      return "body.messages.content must be a list";
  for (const auto tool : body["tools"].items())
    if (!json::Value(tool)["function"]["parameters"].is_string())
      return "body.tools.function.parameters must be a string";
  return {};
}

}  // namespace weir::sim::cohere
