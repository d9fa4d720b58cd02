#include "sim/openai_shape/chat_request.h"

#include <string>
#include <vector>

namespace weir::sim::openai_shape {
namespace {

constexpr std::int64_t kOutputDefaultMax =
    16'384;  // where neither the request nor the price row says
constexpr std::size_t kCacheKeyMax = 64;
constexpr std::int64_t kChoicesMax = 8;

std::unexpected<ApiError> missing(const std::string& param) {
  return refuse("Missing required parameter: '" + param + "'.", param,
                "missing_required_parameter");
}

// Doc: https://developers.openai.com/api/docs/guides/images-vision (not yet checked).
Checked<void> check_image(json::Value part, const std::string& place) {
  const auto url = part["image_url"]["url"].string();
  if (!url) return missing(place + ".image_url.url");
  const bool inline_data =
      url->starts_with("data:image/") && url->find(";base64,") != std::string_view::npos;
  if (inline_data || url->starts_with("https://") || url->starts_with("http://")) return {};
  return refuse("Invalid image data. Expected a base64-encoded data URL with an image MIME type.",
                place + ".image_url.url", "invalid_value");
}

Checked<void> check_content(json::Value message, const std::string& where, const ModelRow& row) {
  const json::Value content = message["content"];
  if (content.is_string()) return {};
  if (content.is_null()) {
    if (message["role"].string() == "assistant" && message["tool_calls"].size() > 0) return {};
    return refuse("Invalid value for 'content': expected a string, got null.", where + ".content");
  }
  if (!content.is_array() || content.size() == 0)
    return refuse(
        "Invalid type for '" + where + ".content': expected a string or a non-empty array.",
        where + ".content", "invalid_type");
  std::size_t index = 0;
  for (const auto item : content.items()) {
    const json::Value part(item);
    const std::string place = where + ".content[" + std::to_string(index++) + "]";
    const auto type = part["type"].string();
    if (!type)
      return refuse("Missing required parameter: '" + place + ".type'.", place + ".type",
                    "missing_required_parameter");
    if ((*type == "text" || *type == "refusal") && !part[*type].is_string())
      return refuse("Missing required parameter: '" + place + "." + std::string(*type) + "'.",
                    place, "missing_required_parameter");
    if (*type != "text" && *type != "refusal" && *type != "image_url" && *type != "input_audio" &&
        *type != "file")
      return refuse("Invalid value: '" + std::string(*type) + "'.", place + ".type",
                    "invalid_value");
    if (*type == "image_url")
      if (auto done = check_image(part, place); !done) return done;
    const json::Value mark = part["prompt_cache_breakpoint"];
    if (mark.is_null()) continue;
    if (!has_breakpoints(row))
      return refuse(
          "Unsupported parameter: 'prompt_cache_breakpoint' is not supported with this model.",
          place + ".prompt_cache_breakpoint", "unsupported_parameter");
    if (mark["mode"].string() != "explicit")
      return refuse("Invalid value: 'prompt_cache_breakpoint.mode' must be 'explicit'.", place,
                    "invalid_value");
    if (!breakpoint_life(mark))
      return refuse("Invalid value: 'prompt_cache_breakpoint.ttl' must be '30m' or '12h'.",
                    place + ".prompt_cache_breakpoint.ttl", "invalid_value");
  }
  return {};
}

// Calls that wait for their results, message by message. Doc:
// https://developers.openai.com/api/docs/guides/function-calling (not yet checked).
class OpenCalls {
 public:
  Checked<void> take(json::Value message, const std::string& where) {
    if (message["role"].string() == "tool") return take_result(message, where);
    if (!ids_.empty()) return unanswered(where);
    std::size_t index = 0;
    for (const auto item : message["tool_calls"].items()) {
      const json::Value call(item), function = call["function"];
      const std::string place = where + ".tool_calls[" + std::to_string(index++) + "]";
      if (!call["id"].is_string()) return missing(place + ".id");
      if (!call["type"].is_string()) return missing(place + ".type");
      if (call["type"].string() == "function") {
        if (!function["name"].is_string()) return missing(place + ".function.name");
        if (!function["arguments"].is_string()) return missing(place + ".function.arguments");
      }
      ids_.emplace_back(*call["id"].string());
    }
    any_ = !ids_.empty();
    return {};
  }
  Checked<void> end() const {
    if (!ids_.empty()) return unanswered("messages");
    return {};
  }

 private:
  Checked<void> take_result(json::Value message, const std::string& where) {
    const auto id = message["tool_call_id"].string();
    if (!id) return missing(where + ".tool_call_id");
    if (std::erase(ids_, *id) > 0) return {};
    return refuse(any_ ? "Invalid parameter: 'tool_call_id' of '" + std::string(*id) +
                             "' not found in 'tool_calls' of previous message."
                       : "Invalid parameter: messages with role 'tool' must be a response to a "
                         "preceding message with 'tool_calls'.",
                  where + (any_ ? ".tool_call_id" : ".role"));
  }
  [[nodiscard]] Checked<void> unanswered(const std::string& where) const {
    return refuse(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: " +
            ids_.front(),
        where);
  }

  std::vector<std::string> ids_;
  bool any_ = false;  // the last message that is no result had calls
};

Checked<void> check_tools(json::Value body) {
  const json::Value tools = body["tools"], choice = body["tool_choice"];
  std::size_t index = 0;
  for (const auto item : tools.items()) {
    const json::Value tool(item), function = tool["function"];
    const std::string place = "tools[" + std::to_string(index++) + "]";
    if (!tool["type"].is_string()) return missing(place + ".type");
    if (tool["type"].string() != "function") continue;
    if (!function["name"].is_string()) return missing(place + ".function.name");
    if (!function["parameters"].is_null() && !function["parameters"].is_object())
      return refuse("Invalid type for '" + place + ".function.parameters': expected an object.",
                    place + ".function.parameters", "invalid_type");
  }
  if (choice.is_null()) return {};
  if (tools.size() == 0)
    return refuse("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice");
  const auto word = choice.string();
  if (word && *word != "auto" && *word != "none" && *word != "required")
    return refuse("Invalid value: '" + std::string(*word) + "'.", "tool_choice", "invalid_value");
  return {};
}

// Doc: https://developers.openai.com/api/reference/resources/chat (not yet checked): up to 4.
Checked<void> check_stop(const Traits& traits, json::Value body) {
  const json::Value stop = body["stop"];
  if (stop.is_null() || stop.is_string()) return {};
  if (!stop.is_array() || stop.size() == 0 || stop.size() > traits.stops_max)
    return refuse("Invalid 'stop': expected a string or an array of 1 to " +
                      std::to_string(traits.stops_max) + " strings.",
                  "stop", "invalid_type");
  return {};
}

Checked<void> check_messages(json::Value body, const ModelRow& row) {
  const json::Value messages = body["messages"];
  if (messages.is_null())
    return refuse("Missing required parameter: 'messages'.", "messages",
                  "missing_required_parameter");
  if (!messages.is_array())
    return refuse("Invalid type for 'messages': expected an array of objects.", "messages",
                  "invalid_type");
  if (messages.size() == 0)
    return refuse("Invalid 'messages': empty array. Expected an array with minimum length 1.",
                  "messages", "empty_array");
  std::size_t index = 0;
  OpenCalls calls;
  for (const auto item : messages.items()) {
    const json::Value message(item);
    const std::string where = "messages[" + std::to_string(index++) + "]";
    const auto role = message["role"].string();
    if (!role)
      return refuse("Missing required parameter: '" + where + ".role'.", where + ".role",
                    "missing_required_parameter");
    if (*role != "system" && *role != "developer" && *role != "user" && *role != "assistant" &&
        *role != "tool" && *role != "function")
      return refuse("Invalid value: '" + std::string(*role) +
                        "'. Supported values are: 'system', 'assistant', 'user', "
                        "'function', 'tool', and 'developer'.",
                    where + ".role", "invalid_value");
    if (auto done = check_content(message, where, row); !done)
      return std::unexpected(std::move(done).error());
    if (auto done = calls.take(message, where); !done) return done;
  }
  return calls.end();
}

// max_completion_tokens, or the older max_tokens, which the o-series refuses.
Checked<std::int64_t> output_limit(const Traits& traits, json::Value body, const ModelRow& row) {
  const json::Value wanted = body["max_completion_tokens"], older = body["max_tokens"];
  if (traits.max_tokens_only && !wanted.is_null())
    return refuse("Extra inputs are not permitted: 'max_completion_tokens'.",
                  "max_completion_tokens", "unsupported_parameter", 422);
  if (!wanted.is_null() && !older.is_null())
    return refuse(
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "max_tokens", "invalid_parameter_combination");
  if (!traits.max_tokens_only && !older.is_null() && row.model.starts_with('o'))
    return refuse(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' "
        "instead.",
        "max_tokens", "unsupported_parameter");
  const std::int64_t most = row.output_tokens_max > 0 ? row.output_tokens_max : kOutputDefaultMax;
  const std::string name = wanted.is_null() ? "max_tokens" : "max_completion_tokens";
  const json::Value given = wanted.is_null() ? older : wanted;
  if (given.is_null()) return most;
  const auto limit = given.integer();
  if (!limit)
    return refuse("Invalid type for '" + name + "': expected an integer.", name, "invalid_type");
  if (*limit < 1)
    return refuse("Invalid '" + name + "': integer below minimum value.", name,
                  "integer_below_min_value");
  if (*limit > most && traits.clamps_output) return most;
  if (*limit > most)
    return refuse(name + " is too large: " + std::to_string(*limit) +
                      ". This model supports at most " + std::to_string(most) +
                      " completion tokens.",
                  name, "invalid_value");
  return *limit;
}

Checked<void> read_cache_options(ChatRequest& request) {
  const json::Value options = request.body["prompt_cache_options"];
  if (const auto key = request.body["prompt_cache_key"].string(); key && key->size() > kCacheKeyMax)
    return refuse("Invalid 'prompt_cache_key': string too long.", "prompt_cache_key",
                  "string_above_max_length");
  const auto retention = request.body["prompt_cache_retention"].string();
  if (retention && *retention != "in_memory" && *retention != "24h")
    return refuse("Invalid value for 'prompt_cache_retention'.", "prompt_cache_retention",
                  "invalid_value");
  if (options.is_null()) return {};
  if (!has_breakpoints(*request.row))
    return refuse("Unsupported parameter: 'prompt_cache_options' is not supported with this model.",
                  "prompt_cache_options", "unsupported_parameter");
  const auto mode = options["mode"].string().value_or("implicit");
  if (mode != "implicit" && mode != "explicit")
    return refuse("Invalid value for 'prompt_cache_options.mode'.", "prompt_cache_options.mode",
                  "invalid_value");
  // Only a breakpoint may live longer.
  if (const json::Value ttl = options["ttl"]; !ttl.is_null() && ttl.string() != "30m")
    return refuse("Invalid value for 'prompt_cache_options.ttl': only '30m'.",
                  "prompt_cache_options.ttl", "invalid_value");
  request.explicit_breakpoints = mode == "explicit";
  return {};
}

// The function that must be called, with the schema of its arguments.
void read_tool(ChatRequest& request) {
  const json::Value choice = request.body["tool_choice"];
  const bool required = choice.string() == "required";
  const auto named = choice["function"]["name"].string();
  if (!required && !named) return;
  for (const auto item : request.body["tools"].items()) {
    const json::Value function = json::Value(item)["function"];
    if (named && function["name"].string() != named) continue;
    request.tool = function["name"].string_or("");
    request.schema = function["parameters"];
    return;
  }
}

Checked<void> read_format(const Traits& traits, ChatRequest& request) {
  const json::Value format = request.body["response_format"];
  if (format.is_null() || !request.tool.empty()) return {};
  const auto type = format["type"].string().value_or("");
  if (type == "json_schema" && traits.json_schema) {
    const json::Value schema = format["json_schema"];
    if (!schema["name"].is_string())
      return refuse("Missing required parameter: 'response_format.json_schema.name'.",
                    "response_format.json_schema.name", "missing_required_parameter");
    if (!schema["schema"].is_object())
      return refuse("Missing required parameter: 'response_format.json_schema.schema'.",
                    "response_format.json_schema.schema", "missing_required_parameter");
    request.schema = schema["schema"];
  } else if (type != "text" && type != "json_object") {
    return refuse("Invalid value for 'response_format.type'.", "response_format.type",
                  "invalid_value");
  }
  return {};
}

}  // namespace

std::optional<Duration> breakpoint_life(json::Value mark) {
  const json::Value ttl = mark["ttl"];
  if (ttl.is_null() || ttl.string() == "30m") return kBreakpointLife;
  if (ttl.string() == "12h") return std::chrono::hours(12);
  return std::nullopt;
}

Checked<const ModelRow*> find_model(const PriceTable& prices, std::string_view model) {
  const ModelRow* row = prices.find(model);
  if (row != nullptr) return row;
  return refuse(
      "The model `" + std::string(model) + "` does not exist or you do not have access to it.", "",
      "model_not_found", 404);
}

Checked<ChatRequest> read_chat(const Traits& traits, const PriceTable& prices, json::Value body,
                               std::string_view model_default) {
  if (!body.is_object())
    return refuse("We could not parse the JSON body of your request: expected an object.");
  if (traits.check != nullptr)
    if (auto wrong = traits.check(body)) return std::unexpected(*std::move(wrong));
  ChatRequest request{.body = body};
  const auto model = body["model"].string().value_or(model_default);
  if (model.empty())
    return refuse("you must provide a model parameter", "model", "missing_required_parameter");
  auto row = find_model(prices, model);
  if (!row) return std::unexpected(std::move(row).error());
  request.row = *row;
  request.model = model;
  for (auto check :
       {check_messages(body, *request.row), check_tools(body), check_stop(traits, body)})
    if (!check) return std::unexpected(std::move(check).error());
  auto limit = output_limit(traits, body, *request.row);
  if (!limit) return std::unexpected(std::move(limit).error());
  request.output_max = *limit;
  request.choices = body["n"].integer_or(1);
  if (request.choices < 1 || request.choices > kChoicesMax)
    return refuse("Invalid 'n': expected 1 to 8.", "n", "invalid_value");
  request.stream = body["stream"].boolean().value_or(false);
  request.include_usage = body["stream_options"]["include_usage"].boolean().value_or(false);
  if (!body["stream_options"].is_null() && !request.stream)
    return refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                  "stream_options");
  request.flex = body["service_tier"].string() == "flex";
  if (auto done = read_cache_options(request); !done)
    return std::unexpected(std::move(done).error());
  read_tool(request);
  if (auto done = read_format(traits, request); !done)
    return std::unexpected(std::move(done).error());
  if (traits.refusal != nullptr)
    if (auto refused = traits.refusal(request); refused.status != 0)
      return std::unexpected(std::move(refused));
  return request;
}

}  // namespace weir::sim::openai_shape
