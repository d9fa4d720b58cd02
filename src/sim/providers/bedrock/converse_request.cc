#include "sim/providers/bedrock/converse_request.h"

#include <algorithm>
#include <array>
#include <vector>

namespace weir::sim::bedrock {
namespace {

constexpr std::int64_t kOutputUnknownMax = 64'000;  // where the price row does not say
constexpr std::size_t kCachePointsMax = 4;

std::string place(const std::string& list, std::size_t index) {
  return list + "." + std::to_string(index);
}

Checked<void> check_names(json::Value object, const std::string& where,
                          std::initializer_list<std::string_view> names) {
  for (const auto member : object.members())
    if (std::ranges::find(names, member.key) == names.end())
      return refuse("Malformed input request: #/" + where + ": extraneous key [" +
                    std::string(member.key) + "] is not permitted, please reformat your input.");
  return {};
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// The points at which a prompt may be cached, in its order: tools, system, messages.
class CachePoints {
 public:
  CachePoints(bool claude, bool batch) : claude_(claude), batch_(batch) {}

  Checked<void> take(json::Value point, const std::string& where) {
    if (batch_)
      return refuse("Prompt caching is not supported in batch inference. (" + where + ")");
    if (point["type"].string() != "default")
      return refuse("1 validation error detected: Value at '" + where +
                    ".cachePoint.type' failed to satisfy constraint: Member must satisfy enum "
                    "value set: [default]");
    const auto ttl = point["ttl"].string().value_or("5m");
    if (ttl != "5m" && ttl != "1h")
      return refuse("1 validation error detected: Value at '" + where +
                    ".cachePoint.ttl' failed to satisfy constraint: Member must satisfy enum value "
                    "set: [5m, 1h]");
    if (ttl == "1h" && !claude_) return refuse("This model does not support a cache TTL of 1h.");
    if (ttl == "1h" && short_seen_)
      return refuse("A cachePoint with ttl 1h must not come after one with ttl 5m. (" + where +
                    ")");
    short_seen_ |= ttl == "5m";
    if (++count_ > kCachePointsMax)
      return refuse(
          "You invoked the API with more than 4 cache points. A maximum of 4 cache "
          "points is supported.");
    return {};
  }

 private:
  bool claude_, batch_;
  bool short_seen_ = false;
  std::size_t count_ = 0;
};

Checked<void> check_text(json::Value text, const std::string& where) {
  if (!text.is_string()) return refuse("Invalid value at " + where + ".text");
  if (is_blank(*text.string()))
    return refuse("The text field in the ContentBlock object at " + where +
                  " is blank. Add text to the text field, and try again.");
  return {};
}

Checked<void> check_image(json::Value image, const std::string& where) {
  static constexpr std::array<std::string_view, 4> kFormats{"png", "jpeg", "gif", "webp"};
  const auto format = image["format"].string().value_or("");
  if (std::ranges::find(kFormats, format) == kFormats.end())
    return refuse("Value '" + std::string(format) + "' at '" + where +
                  ".image.format' failed to satisfy constraint: Member must satisfy enum value "
                  "set: [png, jpeg, gif, webp]");
  const auto source = image["source"];
  if (source.size() != 1) return refuse("Exactly one source must be set at " + where + ".image");
  const bool bytes = !source["bytes"].string().value_or("").empty();
  const bool stored = source["s3Location"]["uri"].string().value_or("").starts_with("s3://");
  if (!bytes && !stored) return refuse("The image at " + where + " is empty.");
  return {};
}

Checked<void> check_result(json::Value result, const std::string& where) {
  if (auto done =
          check_names(result, where + "/toolResult", {"toolUseId", "content", "status", "type"});
      !done)
    return done;
  if (!result["content"].is_array())
    return refuse("content is missing at " + where + ".toolResult");
  std::size_t index = 0;
  for (const auto item : result["content"].items()) {
    const auto at = place(where + ".toolResult.content", index++);
    if (item["json"].is_object()) continue;
    if (auto done = check_text(item["text"], at); !done) return done;
  }
  return {};
}

// The turns of a conversation, and what calls and results have to do with each other.
class Turns {
 public:
  explicit Turns(CachePoints& points) : points_(points) {}

  Checked<void> take(json::Value message, std::size_t index) {
    const std::string where = place("messages", index);
    if (auto done = check_names(message, where, {"role", "content"}); !done) return done;
    const auto role = message["role"].string().value_or("");
    if (role != "user" && role != "assistant") return refuse("Invalid role at " + where);
    if (index == 0 && role != "user")
      return refuse(
          "A conversation must start with a user message. Try again with a conversation "
          "that starts with a user message.");
    if (role == role_)
      return refuse(
          "A conversation must alternate between user and assistant roles. Make sure "
          "the conversation alternates between user and assistant roles and try again.");
    role_ = role;
    if (message["content"].size() == 0)
      return refuse("The content field in the Message object at " + where +
                    " is empty. Add a ContentBlock object to the content field and try again.");
    std::vector<std::string> calls, results;
    std::size_t block = 0;
    for (const auto item : message["content"].items())
      if (auto done = take_block(item, place(where + ".content", block++), calls, results); !done)
        return done;
    return end_turn(where, std::move(calls), results);
  }
  [[nodiscard]] bool uses_tools() const { return uses_tools_; }

 private:
  Checked<void> take_block(json::Value block, const std::string& where,
                           std::vector<std::string>& calls, std::vector<std::string>& results) {
    if (block.size() != 1)
      return refuse("Exactly one member of the ContentBlock union must be set at " + where);
    if (auto done =
            check_names(block, where, {"text", "image", "toolUse", "toolResult", "cachePoint"});
        !done)
      return done;
    if (const auto point = block["cachePoint"]; !point.is_null()) return points_.take(point, where);
    if (const auto image = block["image"]; !image.is_null()) return check_image(image, where);
    if (const auto call = block["toolUse"]; !call.is_null()) {
      if (role_ != "assistant") return refuse("toolUse blocks belong to the assistant. " + where);
      if (!call["name"].is_string() || !call["input"].is_object() || !call["toolUseId"].is_string())
        return refuse("The toolUse block at " + where + " lacks a field.");
      calls.push_back(call["toolUseId"].string_or(""));
      return {};
    }
    if (const auto result = block["toolResult"]; !result.is_null()) {
      if (role_ != "user") return refuse("toolResult blocks belong to the user. " + where);
      results.push_back(result["toolUseId"].string_or(""));
      return check_result(result, where);
    }
    return check_text(block["text"], where);
  }

  Checked<void> end_turn(const std::string& where, std::vector<std::string> calls,
                         const std::vector<std::string>& results) {
    uses_tools_ |= !calls.empty() || !results.empty();
    if (results.size() > open_.size())
      return refuse("The number of toolResult blocks at " + where +
                    ".content exceeds the number of toolUse blocks of previous turn.");
    for (const auto& id : open_)
      if (std::ranges::find(results, id) == results.end())
        return refuse(std::string("Expected toolResult blocks at ")
                          .append(where)
                          .append(".content for the following Ids: ")
                          .append(id));
    open_ = std::move(calls);
    return {};
  }

  CachePoints& points_;
  std::string role_;
  std::vector<std::string> open_;  // ids of the calls of the turn before
  bool uses_tools_ = false;
};

Checked<void> check_system(json::Value body, CachePoints& points) {
  std::size_t index = 0;
  for (const auto item : body["system"].items()) {
    const std::string where = place("system", index++);
    if (auto done = check_names(item, where, {"text", "cachePoint"}); !done) return done;
    const auto point = item["cachePoint"];
    auto done = point.is_null() ? check_text(item["text"], where) : points.take(point, where);
    if (!done) return done;
  }
  return {};
}

Checked<void> check_tools(json::Value config, CachePoints& points) {
  if (config.is_null()) return {};
  if (auto done = check_names(config, "toolConfig", {"tools", "toolChoice"}); !done) return done;
  if (config["tools"].size() == 0)
    return refuse(
        "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1");
  std::size_t index = 0;
  for (const auto item : config["tools"].items()) {
    const std::string where = place("toolConfig.tools", index++);
    if (const auto point = item["cachePoint"]; !point.is_null()) {
      if (auto done = points.take(point, where); !done) return done;
      continue;
    }
    const auto tool = item["toolSpec"];
    if (auto done = check_names(tool, where, {"name", "description", "inputSchema", "strict"});
        !done)
      return done;
    if (tool["name"].string().value_or("").empty())
      return refuse(where + ".toolSpec.name is missing");
    if (!tool["inputSchema"]["json"].is_object())
      return refuse("The value at " + where +
                    ".toolSpec.inputSchema.json.type must be one of the following: object.");
    if (const auto about = tool["description"];
        !about.is_null() && about.string().value_or("").empty())
      return refuse("Invalid length for parameter " + where + ".toolSpec.description");
  }
  return {};
}

Checked<void> read_choice(ConverseRequest& request) {
  const auto config = request.body["toolConfig"], choice = config["toolChoice"];
  if (choice.is_null()) return {};
  if (choice.size() != 1) return refuse("Exactly one member of toolConfig.toolChoice must be set");
  if (auto done = check_names(choice, "toolConfig/toolChoice", {"auto", "any", "tool"}); !done)
    return done;
  if (choice["auto"].is_object()) return {};
  const auto wanted = choice["tool"]["name"].string();
  for (const auto item : config["tools"].items()) {
    const auto tool = item["toolSpec"];
    if (tool.is_null() || (wanted && tool["name"].string() != *wanted)) continue;
    request.tool = tool["name"].string_or("");
    request.schema = tool["inputSchema"]["json"];
    return {};
  }
  return refuse("The toolChoice names a tool that is not among the tools.");
}

Checked<void> read_limits(ConverseRequest& request) {
  const auto config = request.body["inferenceConfig"];
  const auto& row = *request.model.row;
  const std::int64_t most = row.output_tokens_max > 0 ? row.output_tokens_max : kOutputUnknownMax;
  request.output_max = most;
  if (config.is_null()) return {};
  if (auto done = check_names(config, "inferenceConfig",
                              {"maxTokens", "temperature", "topP", "stopSequences"});
      !done)
    return done;
  if (const auto limit = config["maxTokens"]; !limit.is_null()) {
    const auto given = limit.integer();
    if (!given || *given < 1)
      return refuse(
          "1 validation error detected: Value at 'inferenceConfig.maxTokens' failed to "
          "satisfy constraint: Member must have value greater than or equal to 1");
    if (*given > most)
      return refuse("The maximum tokens you requested exceeds the model limit of " +
                    std::to_string(most) +
                    ". Try again with a maximum tokens value that is lower.");
    request.output_max = *given;
  }
  for (const auto* name : {"temperature", "topP"}) {
    const auto value = config[name];
    if (value.is_null()) continue;
    if (!value.number() || *value.number() < 0 || *value.number() > 1)
      return refuse(std::string("Value at 'inferenceConfig.") + name +
                    "' failed to satisfy constraint: Member must be between 0 and 1");
  }
  for (const auto stop : config["stopSequences"].items())
    if (stop.string().value_or("").empty())
      return refuse(
          "Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: Member "
          "must have length greater than or equal to 1");
  return {};
}

// {"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name","schema":"a JSON text"}}}}
Checked<void> read_format(ConverseRequest& request) {
  const auto format = request.body["outputConfig"]["textFormat"];
  if (format.is_null()) return {};
  if (!request.model.claude) return refuse("This model doesn't support structured outputs.");
  if (format["type"].string() != "json_schema")
    return refuse("Value at 'outputConfig.textFormat.type' must be one of: [json_schema]");
  const auto schema = format["structure"]["jsonSchema"]["schema"].string();
  if (!schema)
    return refuse("outputConfig.textFormat.structure.jsonSchema.schema must be a string");
  request.schema_parser = std::make_shared<json::Parser>();
  const auto parsed = request.schema_parser->parse(*schema);
  if (!parsed || !parsed->is_object()) return refuse("The JSON schema is not valid JSON.");
  if (request.tool.empty()) request.schema = *parsed;
  return {};
}

Checked<void> check_messages(json::Value body, CachePoints& points) {
  if (body["messages"].size() == 0)
    return refuse(
        "A conversation must start with a user message. Try again with a conversation "
        "that starts with a user message.");
  Turns turns(points);
  std::size_t index = 0;
  for (const auto message : body["messages"].items())
    if (auto done = turns.take(message, index++); !done) return done;
  if (turns.uses_tools() && body["toolConfig"].is_null())
    return refuse(
        "The toolConfig field must be defined when using toolUse and toolResult content "
        "blocks.");
  return {};
}

}  // namespace

Checked<NamedModel> find_model(const PriceTable& prices, std::string_view model) {
  NamedModel out;
  constexpr std::string_view kGlobal = "global.";
  constexpr std::array<std::string_view, 5> kProfiles{"us.", "eu.", "jp.", "au.", kGlobal};
  std::string_view bare = model;
  for (const auto prefix : kProfiles)
    if (model.starts_with(prefix)) bare.remove_prefix(prefix.size());
  out.claude = bare.starts_with("anthropic.");
  // Of Claude, whatever stays in a region or an area costs a tenth more.
  out.percent = out.claude && !model.starts_with(kGlobal) ? 110 : 100;
  out.row = prices.find(bare);
  if (out.row == nullptr) return refuse("The provided model identifier is invalid.");
  return out;
}

Checked<ConverseRequest> read_converse(const NamedModel& model, json::Value body, bool batch) {
  if (!body.is_object()) return refuse("Malformed input request, please reformat your input.");
  ConverseRequest request{
      .body = body, .model = model, .tool = {}, .schema = {}, .schema_parser = {}};
  if (auto done = check_names(
          body, "",
          {"messages", "system", "inferenceConfig", "toolConfig", "outputConfig",
           "additionalModelRequestFields", "requestMetadata", "serviceTier", "performanceConfig"});
      !done)
    return std::unexpected(std::move(done).error());
  CachePoints points(model.claude, batch);
  if (auto done = check_tools(body["toolConfig"], points); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = check_system(body, points); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = check_messages(body, points); !done)
    return std::unexpected(std::move(done).error());
  for (auto* read : {&read_choice, &read_limits, &read_format})
    if (auto done = read(request); !done) return std::unexpected(std::move(done).error());
  return request;
}

}  // namespace weir::sim::bedrock
