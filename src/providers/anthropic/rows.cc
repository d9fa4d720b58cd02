#include "providers/anthropic/rows.h"

#include <fmt/format.h>

#include "json/patch.h"
#include "provider/anthropic_dialect.h"
#include "providers/anthropic/errors.h"

namespace weir::providers::anthropic {
namespace {

namespace dialect = provider::anthropic_dialect;
using Outcome = provider::Row::Outcome;

void read_message(json::Value message, std::string_view line, provider::Row& row) {
  const auto span = json::locate(line, {"result", "message"});
  const std::string_view raw = span ? json::raw_at(line, *span) : std::string_view();
  auto response = dialect::decode_message(message, raw);
  if (response) {
    row.outcome = Outcome::kSucceeded;
    row.response = *std::move(response);
    return;
  }
  row.error = std::move(response).error();
  row.error.provider = "anthropic";
  row.response.usage = dialect::decode_usage(message["usage"]);
  if (const auto usage = json::locate(raw, {"usage"}))
    row.response.usage_raw = json::raw_at(raw, *usage);
}

// "result":{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error","message":"…"},"request_id":null}}:
// the error stands twice nested; one level is read as well.
void read_error(json::Value result, provider::Row& row) {
  const json::Value outer = result["error"];
  row.error = error_of_event(dialect::decode_error(outer["error"].is_object() ? outer : result));
}

}  // namespace

Result<provider::Row> decode_result_row(std::string_view line) {
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed) return fail(ErrorKind::kBadResponse, "a result row is " + parsed.error().message);
  const auto custom_id = (*parsed)["custom_id"].string();
  const json::Value result = (*parsed)["result"];
  if (!custom_id || !result.is_object())
    return fail(ErrorKind::kBadResponse, "a result row has no custom_id or no result");
  provider::Row row;
  row.custom_id = *custom_id;
  const std::string type = result["type"].string_or("");
  if (type == "succeeded") {
    read_message(result["message"], line, row);
  } else if (type == "errored") {
    read_error(result, row);
  } else if (type == "canceled") {
    row.outcome = Outcome::kCancelled;
  } else if (type == "expired") {
    row.outcome = Outcome::kExpired;
  } else {
    row.error = {.kind = ErrorKind::kBadResponse,
                 .message = fmt::format("a result row is of an unknown kind for {}",
                                        row.custom_id.substr(0, 64)),
                 .provider = "anthropic",
                 .provider_code = type.substr(0, 64)};
  }
  return row;
}

}  // namespace weir::providers::anthropic
