#include "sim/providers/mistral/chat_rules.h"

#include <algorithm>
#include <array>

#include "json/write.h"

namespace weir::sim::mistral {
namespace {

using openai_shape::ApiError;

constexpr double kTemperatureMax = 1.5;
constexpr std::size_t kToolIdSize = 9;
constexpr std::array<std::string_view, 20> kMembers{"model",
                                                    "messages",
                                                    "temperature",
                                                    "top_p",
                                                    "max_tokens",
                                                    "stream",
                                                    "stop",
                                                    "random_seed",
                                                    "metadata",
                                                    "response_format",
                                                    "tools",
                                                    "tool_choice",
                                                    "n",
                                                    "presence_penalty",
                                                    "frequency_penalty",
                                                    "prediction",
                                                    "prompt_mode",
                                                    "parallel_tool_calls",
                                                    "safe_prompt",
                                                    "prompt_cache_key"};
constexpr std::array<std::string_view, 2> kNewMembers{"reasoning_effort", "guardrails"};

ApiError schema_error(std::string param, std::string message) {
  return {.status = 422,
          .message = std::move(message),
          .type = "invalid_request_error",
          .param = std::move(param)};
}

ApiError refusal(std::string message, std::string type, std::string code) {
  return {.status = 400,
          .message = std::move(message),
          .type = std::move(type),
          .code = std::move(code)};
}

bool is_tool_id(std::string_view id) {
  return id.size() == kToolIdSize && std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

std::optional<ApiError> check_ids(json::Value message) {
  const auto wrong = [](std::string_view id) {
    return refusal(
        "Tool call id was " + std::string(id) + " but must be a-z, A-Z, 0-9, with a length of 9.",
        "invalid_function_call", "3280");
  };
  if (const auto id = message["tool_call_id"].string(); id && !is_tool_id(*id)) return wrong(*id);
  for (const auto item : message["tool_calls"].items())
    if (const auto id = json::Value(item)["id"].string(); id && !is_tool_id(*id)) return wrong(*id);
  return std::nullopt;
}

std::optional<ApiError> check_messages(json::Value messages) {
  std::string_view last;
  bool prefix = false;
  for (const auto item : messages.items()) {
    const json::Value message(item);
    last = message["role"].string().value_or("");
    prefix = message["prefix"].boolean().value_or(false);
    if (last != "system" && last != "user" && last != "assistant" && last != "tool")
      return schema_error("messages", "Input tag '" + std::string(last) +
                                          "' found using 'role' does not match any of the expected "
                                          "tags: 'assistant', 'system', 'tool', 'user'");
    if (auto error = check_ids(message)) return error;
  }
  if (last == "user" || last == "tool" || last.empty() || (last == "assistant" && prefix))
    return std::nullopt;
  return refusal(
      "Expected last role User or Tool (or Assistant with prefix True) for serving but "
      "got " +
          std::string(last),
      "invalid_request_message_order", "3230");
}

}  // namespace

std::optional<ApiError> check_body(json::Value body) {
  for (const auto member : body.members()) {
    const bool known = std::ranges::find(kMembers, member.key) != kMembers.end() ||
                       std::ranges::find(kNewMembers, member.key) != kNewMembers.end();
    if (!known) return schema_error(std::string(member.key), "Extra inputs are not permitted");
  }
  if (const auto temperature = body["temperature"].number();
      temperature && (*temperature > kTemperatureMax || *temperature < 0))
    return schema_error("temperature", "Input should be less than or equal to 1.5");
  if (const auto limit = body["max_tokens"].integer(); limit && *limit < 0)
    return schema_error("max_tokens", "Input should be greater than or equal to 0");
  return check_messages(body["messages"]);
}

std::string error_body(const ApiError& error) {
  json::Writer out;
  out.begin_object();
  if (error.status == 401) return out.field("detail", error.message).end_object().take();
  if (error.status == 422) {
    out.key("detail").begin_array().begin_object().field("type", "value_error");
    out.key("loc").begin_array().string("body").string(error.param).end_array();
    out.field("msg", error.message).key("input").null();
    return out.end_object().end_array().end_object().take();
  }
  const bool model = error.code == "model_not_found";
  out.field("object", "error").field("message", error.message);
  out.field("type", model ? "invalid_model" : error.type).key("param").null().key("code");
  if (model) out.string("1500");
  else if (error.code.empty()) out.null();
  else out.string(error.code);
  return out.field("raw_status_code", std::int64_t{error.status}).end_object().take();
}

ApiError usual_error(int status, std::string_view message) {
  const auto make = [&](std::string_view usual, std::string type, std::string code) {
    return ApiError{.status = status,
                    .message = std::string(message.empty() ? usual : message),
                    .type = std::move(type),
                    .code = std::move(code)};
  };
  switch (status) {
    case 400: return make("The request is not valid.", "invalid_request_error", "3000");
    case 401: return make("Unauthorized", "", "");
    case 403: return make("You are not allowed to do that.", "invalid_request_error", "");
    case 404: return make("Not found.", "not_found", "");
    case 429: return make("Rate limit exceeded", "rate_limited", "1300");
    case 529:
    case 503: {
      ApiError error = make("Service unavailable.", "unreachable_backend", "1100");
      error.status = 503;
      return error;
    }
    default: return make("Internal server error.", "internal_server_error", "1000");
  }
}

// prompt_tokens_details is left out where nothing was cached.
std::string usage(const TokenBuckets& tokens) {
  json::Writer out;
  out.begin_object()
      .field("prompt_tokens", tokens.prompt())
      .field("total_tokens", tokens.prompt() + tokens.output)
      .field("completion_tokens", tokens.output);
  if (tokens.cache_read > 0)
    out.key("prompt_tokens_details")
        .begin_object()
        .field("cached_tokens", tokens.cache_read)
        .end_object();
  return out.end_object().take();
}

}  // namespace weir::sim::mistral
