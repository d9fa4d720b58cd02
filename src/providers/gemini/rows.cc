#include "providers/gemini/rows.h"

#include <fmt/format.h>

#include "json/write.h"

namespace weir::providers::gemini {
namespace {

namespace dialect = provider::gemini;
using provider::Row;

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

}  // namespace

Result<void> append_item(const dialect::Options& options, std::string_view custom_id,
                         const llm::Request& request, std::string& out) {
  if (request.stream)
    return fail(ErrorKind::kInvalidArgument, "a request of a batch cannot be streamed",
                "send it on the sync route");
  WEIR_TRY(const auto body, dialect::encode_body(options, request));
  json::Writer row;
  row.begin_object().field("key", custom_id).key("request").raw(body).end_object();
  out += row.text();
  return {};
}

Result<Row> decode_result_row(const dialect::Options& options, std::string_view line) {
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed || !parsed->is_object())
    return std::unexpected(unreadable(options, "a result line is not a JSON object"));
  const auto key = (*parsed)["key"].string();
  if (!key || key->empty()) return std::unexpected(unreadable(options, "a result row has no key"));
  if (const auto unique = json::check_unique_keys(*parsed); !unique)
    return std::unexpected(unreadable(options, "a result row repeats a key"));
  Row row;
  row.custom_id = *key;
  if (const auto response = (*parsed)["response"]; response.is_object()) {
    read_response(options, response, row);
  } else if (const auto error = (*parsed)["error"]; error.is_object()) {
    row.error = dialect::decode_error_object(options, 0, error);
  } else {
    row.error = unreadable(options, "a result row has neither a response nor an error");
  }
  return row;
}

}  // namespace weir::providers::gemini
