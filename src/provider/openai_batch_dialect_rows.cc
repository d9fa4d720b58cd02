// Items of the input file and rows of the result files.
#include <fmt/format.h>

#include "json/write.h"
#include "provider/openai_batch_dialect.h"
#include "provider/openai_responses_dialect.h"

namespace weir::provider::openai_batch {
namespace {

Error unreadable(const Options& options, std::string_view what) {
  return Error{.kind = ErrorKind::kBadResponse,
               .message = fmt::format("{}: {}", options.chat.provider, what),
               .provider = std::string(options.chat.provider)};
}

// {"status_code":200,"request_id":"…","body":{…}}
void read_response(const Options& options, json::Value response, Row& row) {
  const auto status = response["status_code"].integer_or(0);
  auto body = response["body"];
  json::Parser inner;  // some providers write the body of a failed row as a string of JSON
  if (const auto text = body.string())
    if (const auto parsed = inner.parse(*text)) body = *parsed;
  if (status >= 200 && status <= 299) {
    const bool responses = options.chat.responses && openai_responses::is_response(body);
    auto decoded = responses ? openai_responses::decode_response(options.chat, body)
                             : openai_chat::decode_completion(options.chat, body);
    if (decoded) {
      row.outcome = Row::Outcome::kSucceeded;
      row.response = *std::move(decoded);
      return;
    }
    row.error = std::move(decoded).error();
    // It ran and is billed, readable or not: keep what it cost.
    if (const auto usage = body["usage"]; usage.is_object()) {
      row.response.usage = responses ? openai_responses::decode_usage(usage)
                                     : openai_chat::usage_of(options.chat, usage);
      row.response.usage_raw = usage.text();
    }
  } else if (status >= 400 && status <= 599) {
    row.error = openai_chat::decode_error_body(options.chat, static_cast<int>(status), body);
  } else {
    row.error = unreadable(options, "a result row has no usable status_code");
  }
  row.error.request_id =
      openai_chat::presentable(response["request_id"].string().value_or(std::string_view()));
}

// {"code":"batch_expired","message":"…"}: the row never ran, so it is not billed.
void read_error(const Options& options, json::Value error, Row& row) {
  const auto code = error["code"].string().value_or(std::string_view());
  row.error = openai_chat::decode_error_object(options.chat, 0, error);
  if (code == "batch_expired") {
    row.outcome = Row::Outcome::kExpired;
  } else if (code == "batch_cancelled" || code == "batch_canceled") {
    row.outcome = Row::Outcome::kCancelled;
    row.error.kind = ErrorKind::kCancelled;
  }
}

}  // namespace

ImageFormat image_format() { return {.head = "", .separator = "\n", .tail = "\n"}; }

Result<void> encode_item(const Options& options, std::string_view custom_id,
                         const llm::Request& request, std::string& out) {
  WEIR_TRY(const auto body,
           options.responses
               ? openai_responses::encode_body(options.chat, request, llm::Route::kBatch)
               : openai_chat::encode_body(options.chat, request, llm::Route::kBatch));
  json::Writer row;
  row.begin_object().field("custom_id", custom_id);
  if (options.line_url) row.field("method", "POST").field("url", options.endpoint);
  row.key("body").raw(body).end_object();
  out += row.text();
  return {};
}

Result<Row> decode_row(const Options& options, std::string_view line, Time /*now*/) {
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
  if (const auto response = (*parsed)["response"]; response.is_object()) {
    read_response(options, response, row);
  } else if (const auto error = (*parsed)["error"]; error.is_object()) {
    read_error(options, error, row);
  } else {
    row.error = unreadable(options, "a result row has neither a response nor an error");
  }
  return row;
}

}  // namespace weir::provider::openai_batch
