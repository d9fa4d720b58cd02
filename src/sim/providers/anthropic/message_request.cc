#include "sim/providers/anthropic/message_request.h"

#include <algorithm>

#include "sim/providers/anthropic/cache_control.h"

namespace weir::sim::anthropic {
namespace {

constexpr std::int64_t kOutputUnknownMax = 64'000;  // where the price row does not say

// Doc: https://platform.claude.com/docs/en/build-with-claude/vision (not yet checked).
Checked<void> check_image(json::Value source, const std::string& place) {
  const auto type = source["type"].string().value_or("");
  if (type == "url" || type == "file") {
    const std::string key = type == "url" ? "url" : "file_id";
    if (source[key].is_string()) return {};
    return refuse(place + ".source." + key + ": Field required");
  }
  if (type != "base64")
    return refuse(place + ".source: Input tag does not match any of: 'base64', 'url', 'file'");
  const auto media = source["media_type"].string().value_or("");
  if (media != "image/jpeg" && media != "image/png" && media != "image/gif" &&
      media != "image/webp")
    return refuse(place +
                  ".source.base64.media_type: Input should be 'image/jpeg', 'image/png', "
                  "'image/gif' or 'image/webp'");
  if (source["data"].string().value_or("").empty())
    return refuse(place + ".source.base64.data: image cannot be empty");
  return {};
}

// Blocks that are no texts. Doc:
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use (checked
// 2026-11-27).
Checked<void> check_part(json::Value block, std::string_view type, const std::string& place) {
  if (type == "image") return check_image(block["source"], place);
  if (type == "tool_use") {
    if (!block["id"].is_string()) return refuse(place + ".tool_use.id: Field required");
    if (!block["name"].is_string()) return refuse(place + ".tool_use.name: Field required");
    if (!block["input"].is_object())
      return refuse(place + ".tool_use.input: Input should be a valid dictionary");
  }
  if (type == "tool_result" && !block["tool_use_id"].is_string())
    return refuse(place + ".tool_result.tool_use_id: Field required");
  return {};
}

// The ids of a message's blocks of one type.
std::vector<std::string_view> ids_of(json::Value message, std::string_view type,
                                     std::string_view key) {
  std::vector<std::string_view> out;
  for (const auto item : message["content"].items()) {
    const json::Value block(item);
    if (block["type"].string() == type) out.push_back(block[key].string().value_or(""));
  }
  return out;
}

// Every call is answered by the message behind it, and ahead of what else that says.
Checked<void> check_pairs(json::Value before, json::Value message, const std::string& where) {
  const auto calls = ids_of(before, "tool_use", "id");
  const auto results = ids_of(message, "tool_result", "tool_use_id");
  for (const auto id : results)
    if (std::ranges::find(calls, id) == calls.end())
      return refuse(where +
                    ": unexpected `tool_use_id` found in `tool_result` blocks: " + std::string(id) +
                    ". Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message.");
  std::size_t leading = 0;
  for (const auto item : message["content"].items()) {
    if (json::Value(item)["type"].string() != "tool_result") break;
    ++leading;
  }
  for (const auto id : calls)
    if (const auto found = std::ranges::find(results, id);
        found == results.end() || static_cast<std::size_t>(found - results.begin()) >= leading)
      return refuse(where +
                    ": `tool_use` ids were found without `tool_result` blocks immediately "
                    "after: " +
                    std::string(id) +
                    ". Each `tool_use` block must have a "
                    "corresponding `tool_result` block in the next message.");
  return {};
}

Checked<void> check_blocks(json::Value content, const std::string& where) {
  if (content.is_string()) {
    if (content.string()->empty()) return refuse(where + ": text content blocks must be non-empty");
    return {};
  }
  if (!content.is_array())
    return refuse(where + ".content: Input should be a valid string or list");
  std::size_t index = 0;
  for (const auto item : content.items()) {
    const json::Value block(item);
    const std::string place = where + "." + std::to_string(index++);
    const auto type = block["type"].string();
    if (!type) return refuse(place + ".type: Field required");
    if (*type == "text" && !block["text"].is_string())
      return refuse(place + ".text: Field required");
    if (*type == "text" && block["text"].string()->empty())
      return refuse(block["cache_control"].is_null()
                        ? place + ": text content blocks must be non-empty"
                        : place + ": cache_control cannot be set for empty text blocks");
    if ((*type == "thinking" || *type == "redacted_thinking") && !block["cache_control"].is_null())
      return refuse(place + ": cache_control cannot be set for thinking blocks");
    if (auto done = check_part(block, *type, place); !done) return done;
  }
  return {};
}

Checked<void> check_messages(json::Value body, const ModelRules& rules) {
  const json::Value messages = body["messages"];
  if (messages.is_null()) return refuse("messages: Field required");
  if (!messages.is_array()) return refuse("messages: Input should be a valid list");
  if (messages.size() == 0) return refuse("messages: at least one message is required");
  std::size_t index = 0;
  std::string_view role;
  json::Value last;
  for (const auto item : messages.items()) {
    const json::Value message(item);
    const std::string where = "messages." + std::to_string(index);
    const std::string_view before = role;
    if (!message["role"].is_string()) return refuse(where + ".role: Field required");
    role = *message["role"].string();
    if (role == "system") {
      if (!rules.system_messages || before != "user")
        return refuse(where +
                      ": Unexpected role \"system\". The Messages API accepts a top-level `system` "
                      "parameter");
    } else if (role != "user" && role != "assistant") {
      return refuse(where + ".role: Input should be 'user' or 'assistant'");
    }
    if (index == 0 && role != "user")
      return refuse("messages: first message must use the \"user\" role");
    if (message["content"].is_null()) return refuse(where + ".content: Field required");
    if (auto done = check_blocks(message["content"], where); !done)
      return std::unexpected(std::move(done).error());
    if (auto done = check_pairs(last, message, where); !done) return done;
    last = message;
    ++index;
  }
  if (role == "assistant" && !rules.prefill)
    return refuse(
        "This model does not support assistant message prefill. The conversation must end with a "
        "user message.");
  return {};
}

Checked<void> check_stop_sequences(json::Value body) {
  const json::Value stops = body["stop_sequences"];
  if (stops.is_null()) return {};
  if (!stops.is_array()) return refuse("stop_sequences: Input should be a valid list");
  for (const auto item : stops.items()) {
    const auto stop = json::Value(item).string();
    if (!stop) return refuse("stop_sequences: Input should be a valid string");
    if (stop->find_first_not_of(" \t\r\n") == std::string_view::npos)
      return refuse("stop_sequences: each stop sequence must contain non-whitespace");
  }
  return {};
}

// Version 2026-10-21 knows no sampling parameters, not even with their default values.
// Doc: https://platform.claude.com/docs/en/api/migration-2026-10-21 (checked 2026-11-23).
Checked<void> check_sampling(json::Value body, const ModelRules& rules, Version version) {
  if (version >= Version::k20261021) {
    for (const std::string_view key : {"temperature", "top_p", "top_k"})
      if (!body[key].is_null())
        return refuse(std::string(key) + ": Extra inputs are not permitted");
    return {};
  }
  for (const std::string_view key : {"temperature", "top_p"}) {
    const json::Value value = body[key];
    if (value.is_null()) continue;
    const auto number = value.number();
    if (!number || *number < 0 || *number > 1)
      return refuse(std::string(key) + ": Input should be a number between 0 and 1");
    if (!rules.sampling && *number != 1)
      return refuse(std::string(key) + ": not supported with this model");
  }
  if (!body["top_k"].is_null() && !rules.sampling)
    return refuse("top_k: not supported with this model");
  return {};
}

Checked<std::int64_t> output_limit(json::Value body, const ModelRow& row, Purpose purpose) {
  if (purpose == Purpose::kCount) return 0;
  const json::Value given = body["max_tokens"];
  if (given.is_null()) return refuse("max_tokens: Field required");
  const auto limit = given.integer();
  if (!limit) return refuse("max_tokens: Input should be a valid integer");
  const std::int64_t most = row.output_tokens_max > 0 ? row.output_tokens_max : kOutputUnknownMax;
  if (*limit > most)
    return refuse("max_tokens: " + std::to_string(*limit) + " > " + std::to_string(most) +
                  ", which is the maximum allowed number of output tokens for " + row.model);
  if (*limit < 0) return refuse("max_tokens: must be greater than or equal to 0");
  if (*limit > 0) return *limit;
  // max_tokens 0 writes the cache and answers nothing.
  if (purpose == Purpose::kBatchRow)
    return refuse("max_tokens: must be greater than or equal to 1 in a batch");
  const auto choice = body["tool_choice"]["type"].string().value_or("auto");
  if (body["stream"].boolean().value_or(false))
    return refuse("max_tokens: 0 is not supported with stream");
  if (choice == "tool" || choice == "any")
    return refuse("max_tokens: 0 is not supported with a forced tool_choice");
  if (!body["output_config"]["format"].is_null())
    return refuse("max_tokens: 0 is not supported with structured outputs");
  return 0;
}

Checked<void> read_tool(MessageRequest& request) {
  const json::Value tools = request.body["tools"], choice = request.body["tool_choice"];
  std::size_t index = 0;
  for (const auto item : tools.items()) {
    const json::Value tool(item);
    const std::string place = "tools." + std::to_string(index++);
    if (!tool["name"].is_string()) return refuse(place + ".name: Field required");
    if (tool["type"].is_null() && !tool["input_schema"].is_object())
      return refuse(place + ".input_schema: Field required");
  }
  const auto type = choice["type"].string().value_or("auto");
  if (type != "auto" && type != "any" && type != "tool" && type != "none")
    return refuse("tool_choice: Input tag does not match any of: 'auto', 'any', 'tool', 'none'");
  if (type != "tool" && type != "any") return {};
  for (const auto item : tools.items()) {
    const json::Value tool(item);
    if (type == "tool" && tool["name"].string() != choice["name"].string()) continue;
    request.tool = tool["name"].string_or("");
    request.schema = tool["input_schema"];
    return {};
  }
  return refuse("tool_choice: the tool is not among `tools`");
}

Checked<void> read_format(MessageRequest& request) {
  const json::Value format = request.body["output_config"]["format"];
  if (format.is_null() || !request.tool.empty()) return {};
  if (format["type"].string() != "json_schema")
    return refuse("output_config.format.type: Input should be 'json_schema'");
  if (!format["schema"].is_object()) return refuse("output_config.format.schema: Field required");
  request.schema = format["schema"];
  return {};
}

// What a batch row may not hold.
Checked<void> check_batch_row(json::Value body) {
  if (body["stream"].boolean().value_or(false))
    return refuse("stream: streaming is not supported in a batch");
  for (const std::string_view key :
       {"speed", "fallbacks", "store", "previous_thread_event_id", "cache_hint", "context_hint"})
    if (!body[key].is_null()) return refuse(std::string(key) + ": not supported in a batch");
  return {};
}

}  // namespace

Checked<const ModelRow*> find_model(const PriceTable& prices, std::string_view model) {
  if (const ModelRow* row = prices.find(model)) return row;
  return std::unexpected(usual_error(404, "model: " + std::string(model)));
}

Checked<MessageRequest> read_message(const PriceTable& prices, json::Value body, Reading how) {
  if (!body.is_object()) return refuse("Input should be a valid dictionary");
  if (!body["seed"].is_null()) return refuse("seed: Extra inputs are not permitted");
  MessageRequest request{.body = body};
  if (!body["model"].is_string()) return refuse("model: Field required");
  auto row = find_model(prices, *body["model"].string());
  if (!row) return std::unexpected(std::move(row).error());
  request.row = *row;
  const ModelRules rules = rules_of(request.row->model);
  if (how.purpose == Purpose::kBatchRow)
    if (auto done = check_batch_row(body); !done) return std::unexpected(std::move(done).error());
  auto limit = output_limit(body, *request.row, how.purpose);
  if (!limit) return std::unexpected(std::move(limit).error());
  request.output_max = *limit;
  if (const json::Value system = body["system"]; !system.is_null() && !system.is_string())
    if (auto done = check_blocks(system, "system"); !done)
      return std::unexpected(std::move(done).error());
  for (auto check : {check_messages(body, rules), check_sampling(body, rules, how.version),
                     check_stop_sequences(body), check_cache_control(body)})
    if (!check) return std::unexpected(std::move(check).error());
  request.stream = body["stream"].boolean().value_or(false);
  const auto geo = body["inference_geo"].string().value_or("global");
  if (geo != "us" && geo != "global")
    return refuse("inference_geo: Input should be 'us' or 'global'");
  request.geo_us = geo == "us";
  if (auto done = read_tool(request); !done) return std::unexpected(std::move(done).error());
  if (auto done = read_format(request); !done) return std::unexpected(std::move(done).error());
  return request;
}

}  // namespace weir::sim::anthropic
