#include "providers/fireworks/rows.h"

#include <fmt/format.h>

#include "json/value.h"
#include "providers/fireworks/wire.h"

namespace weir::providers::fireworks {
namespace {

namespace chat = provider::openai_chat;
using provider::Row;

std::unexpected<Error> unreadable(std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("fireworks: {}", what),
                               .provider = "fireworks"});
}

void read_completion(const chat::Options& options, json::Value completion, Row& row) {
  auto decoded = chat::decode_completion(options, completion);
  if (decoded) {
    row.outcome = Row::Outcome::kSucceeded;
    row.response = *std::move(decoded);
    return;
  }
  row.error = std::move(decoded).error();
  // It ran and is billed, readable or not: keep what it cost.
  if (const auto usage = completion["usage"]; usage.is_object()) {
    row.response.usage = chat::decode_usage(usage);
    row.response.usage_raw = usage.text();
  }
}

}  // namespace

Result<Row> decode_row(std::string_view line) {
  static const chat::Options kOptions = chat_options();
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed || !parsed->is_object()) return unreadable("a result line is not a JSON object");
  const auto id = (*parsed)["custom_id"].string();
  if (!id || id->empty()) return unreadable("a result row has no custom_id");
  if (const auto unique = json::check_unique_keys(*parsed); !unique)
    return unreadable("a result row repeats a key");
  Row row;
  row.custom_id = *id;
  const auto response = (*parsed)["response"], error = (*parsed)["error"];
  if (response.is_object() && response["error"].is_null() && error.is_null()) {
    read_completion(kOptions, response, row);
  } else {
    const auto told = response["error"].is_null() ? *parsed : response;
    const auto status = response["status_code"].integer_or(0);
    row.error = chat::decode_error_body(
        kOptions, status >= 400 && status <= 599 ? static_cast<int>(status) : 0, told);
  }
  return row;
}

}  // namespace weir::providers::fireworks
