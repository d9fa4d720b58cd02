#include "providers/vertexAI/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/value.h"
#include "json/write.h"
#include "provider/openai_chat_dialect.h"

namespace weir::providers::vertexAI {
namespace {

namespace dialect = provider::gemini;
using provider::Row;

// Letters, digits and underscores, no digit first. Doc: https://cloud.google.com/bigquery/docs/schemas#column_names
bool is_column(std::string_view key) {
  constexpr std::size_t kColumnMax = 300;
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !key.empty() && key.size() <= kColumnMax && letter(key.front()) &&
         std::ranges::all_of(key, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

enum class Type : std::uint8_t { kNull, kText, kNumber, kBoolean, kArray, kObject };
Type type_of(json::Value value) {
  if (value.is_null()) return Type::kNull;
  if (value.is_string()) return Type::kText;
  if (value.is_array()) return Type::kArray;
  if (value.is_object()) return Type::kObject;
  return value.boolean() ? Type::kBoolean : Type::kNumber;
}

// What in the value would fail the import; empty: nothing. Depth is bounded by the parser as well.
std::string import_trap(json::Value value, std::size_t depth) {
  if (!value.is_object() && !value.is_array()) return {};
  if (depth > kDepthMax) return fmt::format("JSON of more than {} levels", kDepthMax);
  if (value.is_object()) {
    if (value.size() == 0) return "an empty object";
    for (const auto member : value.members()) {
      if (!is_column(member.key))
        return fmt::format("the key '{}'", provider::openai_chat::presentable(member.key));
      if (auto trap = import_trap(member.value, depth + 1); !trap.empty()) return trap;
    }
    return {};
  }
  auto type = Type::kNull;
  for (const auto item : value.items()) {
    const json::Value element(item);
    if (type != Type::kNull && !element.is_null() && type_of(element) != type)
      return "an array of several types";
    if (type == Type::kNull) type = type_of(element);
    if (auto trap = import_trap(element, depth + 1); !trap.empty()) return trap;
  }
  return {};
}

Error unreadable(const dialect::Options& options, std::string_view what) {
  return Error{.kind = ErrorKind::kBadResponse,
               .message = fmt::format("{}: {}", options.provider, what),
               .provider = std::string(options.provider)};
}

void read_response(const dialect::Options& options, json::Value response, Row& row) {
  auto decoded = dialect::decode_response(options, response);
  if (decoded) {
    row.outcome = Row::Outcome::kSucceeded;
    row.response = *std::move(decoded);
    return;
  }
  row.error = std::move(decoded).error();
  // It ran and is billed, readable or not: keep what it cost.
  if (const auto usage = response["usageMetadata"]; usage.is_object()) {
    row.response.usage = dialect::decode_usage(usage);
    row.response.usage_raw = usage.text();
  }
}

// "Bad Request: {"error":{"code":400,"message":"…","status":"INVALID_ARGUMENT"}}", or words alone.
Error status_error(const dialect::Options& options, std::string_view status) {
  json::Parser parser;
  const auto brace = status.find('{');
  if (brace != std::string_view::npos) {
    const auto body = parser.parse(status.substr(brace)).value_or(json::Value());
    const auto error = body["error"].is_object() ? body["error"] : body;
    if (error["code"].integer() || error["status"].is_string())
      return dialect::decode_error_object(options, 0, error);
  }
  struct Word {
    std::string_view text;
    ErrorKind kind;
  };
  constexpr std::array<Word, 6> kWords{{{"Bad Request", ErrorKind::kInvalidArgument},
                                        {"INVALID_ARGUMENT", ErrorKind::kInvalidArgument},
                                        {"Not Found", ErrorKind::kNotFound},
                                        {"Forbidden", ErrorKind::kUnauthenticated},
                                        {"Too Many Requests", ErrorKind::kRateLimited},
                                        {"RESOURCE_EXHAUSTED", ErrorKind::kRateLimited}}};
  Error error = unreadable(options, provider::openai_chat::presentable(status));
  error.kind = ErrorKind::kUnavailable;
  for (const auto& word : kWords)
    if (status.find(word.text) != std::string_view::npos) {
      error.kind = word.kind;
      break;
    }
  return error;
}

}  // namespace

Result<void> append_item(const dialect::Options& options, std::string_view custom_id,
                         const llm::Request& request, std::string& out) {
  if (request.stream)
    return fail(ErrorKind::kInvalidArgument, "a request of a batch cannot be streamed",
                "send it on the sync route");
  WEIR_TRY(const auto body, dialect::encode_body(options, request));
  json::Writer row;
  row.begin_object().field("custom_id", custom_id).key("request").raw(body).end_object();
  auto line = row.take();
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed) return std::unexpected(parsed.error());
  if (const auto trap = import_trap(*parsed, 1); !trap.empty())
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} takes no batch with {} in it", options.provider, trap),
                "change the schema or the tools, or use --route sync");
  out += line;
  return {};
}

// {"custom_id":"w…-1","status":"","processed_time":"…","request":{…},"response":{…}}
Result<Row> decode_result_row(const dialect::Options& options, std::string_view line) {
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed || !parsed->is_object())
    return std::unexpected(unreadable(options, "a result line is not a JSON object"));
  const auto id = (*parsed)["custom_id"].string();
  if (!id || id->empty())
    return std::unexpected(unreadable(options, "a result row has no custom_id"));
  if (const auto unique = json::check_unique_keys(*parsed); !unique)
    return std::unexpected(unreadable(options, "a result row repeats a key"));
  Row row;
  row.custom_id = *id;
  const auto response = (*parsed)["response"];
  const auto status = (*parsed)["status"].string().value_or(std::string_view());
  // Beside an error there may stand an empty response.
  const bool answered = response["candidates"].is_array() || response["usageMetadata"].is_object();
  if (answered || (status.empty() && response.is_object())) {
    read_response(options, response, row);
  } else if (!status.empty()) {
    row.error = status_error(options, status);
  } else {
    row.error = unreadable(options, "a result row has neither a response nor an error");
  }
  return row;
}

}  // namespace weir::providers::vertexAI
