#include "sim/providers/anthropic/message_request.h"

#include "sim/providers/anthropic/cache_control.h"

namespace weir::sim::anthropic {
namespace {

constexpr std::int64_t kOutputUnknownMax = 64'000;  // where the price row does not say

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
    ++index;
  }
  if (role == "assistant" && !rules.prefill)
    return refuse(
        "This model does not support assistant message prefill. The conversation must end with a "
        "user message.");
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
                     check_cache_control(body)})
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
