// Decoding of whole answers and errors. Unknown fields are skipped: the provider says that fields
// and values may grow.
#include <fmt/format.h>

#include <algorithm>

#include "provider/http_error.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_chat {
namespace {

constexpr std::size_t kMessageBytesMax =
    300;  // of the provider's words in an error: enough to act on
// No answer has more tokens; keeps the arithmetic of hostile numbers from overflowing.
constexpr std::int64_t kTokensMax = std::int64_t{1} << 40;

std::unexpected<Error> bad(const Options& options, std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("{} {}", options.provider, what),
                               .hint = "if it happens again, report it to the provider",
                               .provider = std::string(options.provider)});
}

// Content is a string, null, or (some servers) an array of text parts.
Result<std::string> text_of(const Options& options, json::Value content) {
  if (content.is_null()) return std::string();
  if (const auto text = content.string()) return std::string(*text);
  if (!content.is_array()) return bad(options, "answered with a content that is no text");
  std::string out;
  for (const auto item : content.items())
    out += json::Value(item)["text"].string().value_or(std::string_view());
  return out;
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_key_character(char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '*'; }

const ErrorRule* rule_for(const Options& options, int status, std::string_view code,
                          std::string_view type) {
  for (const auto name : {code, type}) {
    if (name.empty()) continue;
    for (const auto& rule : options.errors) {
      // An error that came without a status (in a stream, in a row) is known by its code alone.
      if (rule.code == name && (rule.status == 0 || status == 0 || rule.status == status))
        return &rule;
    }
  }
  for (const auto& rule : options.errors)
    if (rule.code.empty() && rule.status == status) return &rule;
  return nullptr;
}

// What an error says of itself; the views are of the parsed body.
struct Told {
  std::string_view code, type, words;
};

// A text; {"detail":…}; or a list of {"msg","loc"}, of which the first tells enough (FastAPI).
std::string_view words_in(json::Value value) {
  if (value.is_object()) value = value["detail"];
  if (value.is_array() && value.size() > 0) value = json::Value(value.items().at(0))["msg"];
  return value.string().value_or(std::string_view());
}

Told told_by(json::Value error) {
  const auto text = [](json::Value value) { return value.string().value_or(std::string_view()); };
  return {.code = text(error["code"]),
          .type = text(error["type"]),
          .words = words_in(error.is_string() ? error : error["message"])};
}

Told told_by_body(json::Value body) {
  const auto error = body["error"], detail = body["detail"];
  Told told = told_by(error.is_null() ? body : error);
  if (error.is_string()) told.code = body["code"].string().value_or(std::string_view());
  if (told.words.empty()) told.words = words_in(detail);
  return told;
}

Error make_error(const Options& options, int status, const Told& told) {
  Error error;
  if (status != 0) {
    error = error_of_status({.status = status, .headers = {}, .body = {}}, Time{});
  } else {
    error.kind = ErrorKind::kUnavailable;
    error.message = "the provider reported an error";
  }
  error.provider = options.provider;
  error.provider_code = presentable(told.code.empty() ? told.type : told.code);
  const auto* rule =
      options.rule_by_words != nullptr ? options.rule_by_words(status, told.words) : nullptr;
  if (rule == nullptr) rule = rule_for(options, status, told.code, told.type);
  if (rule != nullptr) {
    error.kind = rule->kind;
    error.hint = rule->hint;
  }
  error.message = fmt::format("{}: {}", options.provider, error.message);
  if (!error.provider_code.empty()) error.message += fmt::format(", {}", error.provider_code);
  // What is said about a refused key may quote it.
  if (!told.words.empty() && error.kind != ErrorKind::kUnauthenticated)
    error.message += fmt::format(": {}", presentable(told.words));
  return error;
}

}  // namespace

std::string presentable(std::string_view text) {
  text = text.substr(0, 4 * kMessageBytesMax);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool word = i == 0 || !is_alphanumeric(text[i - 1]);
    const auto rest = text.substr(i);
    if (word && (rest.starts_with("sk-") || rest.starts_with("AIza"))) {
      while (i + 1 < text.size() && is_key_character(text[i + 1])) ++i;
      out += "(key)";
      continue;
    }
    const auto c = static_cast<unsigned char>(text[i]);
    out.push_back(c < 0x20 || c == 0x7F ? ' ' : text[i]);
  }
  if (out.size() <= kMessageBytesMax) return out;
  // Cut before the first byte of a character, never inside of one.
  std::size_t end = kMessageBytesMax;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end) + "…";
}

Tokens token_count(json::Value value) {
  return Tokens{std::clamp(value.integer_or(0), std::int64_t{0}, kTokensMax)};
}

llm::Usage decode_usage(json::Value usage) {
  const auto details = usage["prompt_tokens_details"];
  llm::Usage out;
  // Some servers tell it beside the totals instead of in the details.
  const auto cached = details["cached_tokens"];
  out.cache_read = token_count(cached.is_null() ? usage["cached_tokens"] : cached);
  out.cache_write = token_count(details["cache_write_tokens"]);
  // prompt_tokens includes both; a server that reports more cached than prompted must not make the
  // rest negative.
  out.input =
      std::max(Tokens{0}, token_count(usage["prompt_tokens"]) - out.cache_read - out.cache_write);
  out.output = token_count(usage["completion_tokens"]);
  return out;
}

llm::FinishReason finish_reason(std::string_view word) {
  if (word == "stop") return llm::FinishReason::kStop;
  if (word == "length" || word == "model_length") return llm::FinishReason::kLength;
  if (word == "tool_calls" || word == "function_call") return llm::FinishReason::kToolUse;
  if (word == "content_filter") return llm::FinishReason::kRefusal;
  return llm::FinishReason::kOther;
}

Result<llm::Response> decode_completion(const Options& options, json::Value body) {
  if (!body.is_object()) return bad(options, "answered with something that is no completion");
  if (!body["usage"].is_object())
    return bad(options, "answered without usage, so its cost is unknown");
  const auto choices = body["choices"].items();
  if (choices.size() == 0) return bad(options, "answered without a choice");
  const json::Value choice(choices.at(0));
  const auto message = choice["message"];
  if (!message.is_object()) return bad(options, "answered with a choice that has no message");
  llm::Response out;
  out.id = body["id"].string_or("");
  out.model = body["model"].string_or("");
  WEIR_TRY(out.text, text_of(options, message["content"]));
  if (message["tool_calls"].size() != 0) out.tool_calls_json = message["tool_calls"].text();
  out.finish_raw = choice["finish_reason"].string_or("");
  out.finish = finish_reason(out.finish_raw);
  if (const auto refusal = message["refusal"].string(); refusal && !refusal->empty()) {
    out.finish = llm::FinishReason::kRefusal;
    if (out.text.empty()) out.text = *refusal;
  }
  out.usage = usage_of(options, body["usage"]);
  out.usage_raw = body["usage"].text();
  if (const auto created = body["created"].integer(); created && *created > 0)
    out.created = from_unix_seconds(std::min(*created, kUnixSecondsMax));
  return out;
}

// [{"id":"call_…","type":"function","function":{"name":"…","arguments":"{…}"}}, …]
Result<std::vector<llm::ToolCall>> decode_tool_calls(const Options& options,
                                                     std::string_view calls_json) {
  std::vector<llm::ToolCall> out;
  if (calls_json.empty()) return out;
  json::Parser parser;
  const auto calls = parser.parse(calls_json);
  if (!calls || !calls->is_array())
    return bad(options, "answered with tool calls that are no list");
  for (const auto item : calls->items()) {
    const json::Value call(item);
    if (call["type"].string().value_or("function") != "function") continue;
    const auto id = call["id"].string(), name = call["function"]["name"].string();
    if (!id || !name) return bad(options, "answered with a tool call that has no id or no name");
    // Some models write nothing where there are no arguments.
    const auto arguments = call["function"]["arguments"].string().value_or("");
    out.push_back({.id = std::string(*id),
                   .name = std::string(*name),
                   .arguments_json = std::string(arguments.empty() ? "{}" : arguments)});
  }
  return out;
}

Result<llm::Response> decode_answer(const Options& options, const http::Response& response,
                                    Time now) {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(decode_error(options, response, now));
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body) return bad(options, "answered with something that is not JSON");
  return decode_completion(options, *body);
}

Error decode_error(const Options& options, const http::Response& response, Time now) {
  Error error = error_of_status(response, now);
  json::Parser parser;
  const auto body = parser.parse(response.body);
  Error told = make_error(options, response.status, body ? told_by_body(*body) : Told{});
  told.retry_after = error.retry_after;
  told.request_id = std::move(error.request_id);
  if (told.request_id.empty() && body)
    told.request_id = presentable((*body)["request_id"].string().value_or(std::string_view()));
  return told;
}

Error decode_error_object(const Options& options, int status, json::Value object) {
  return make_error(options, status, told_by(object));
}

Error decode_error_body(const Options& options, int status, json::Value body) {
  return make_error(options, status, told_by_body(body));
}

}  // namespace weir::provider::openai_chat
