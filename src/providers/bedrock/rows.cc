#include "providers/bedrock/rows.h"

#include <fmt/format.h>

#include "json/patch.h"
#include "json/write.h"
#include "provider/openai_chat_dialect.h"
#include "providers/bedrock/converse.h"
#include "providers/bedrock/errors.h"

namespace weir::providers::bedrock {
namespace {

using provider::Row;

std::unexpected<Error> unreadable(std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("bedrock: {}", what),
                               .provider = "bedrock"});
}

void read_output(json::Value output, std::string_view line, Row& row) {
  const auto place = json::locate(line, {"modelOutput"});
  const auto raw = place ? json::raw_at(line, *place) : std::string_view();
  auto decoded = decode_response(output, raw);
  if (decoded) {
    row.outcome = Row::Outcome::kSucceeded;
    row.response = *std::move(decoded);
    return;
  }
  row.error = std::move(decoded).error();
  // It ran and is billed, readable or not: keep what it cost.
  if (const auto usage = output["usage"]; usage.is_object()) {
    row.response.usage = decode_usage(usage);
    row.response.usage_raw = usage.text();
  }
}

// {"errorCode":400,"errorMessage":"…","expired":false,"retryable":false}
void read_error(json::Value error, Row& row) {
  if (error["expired"].boolean().value_or(false)) {
    row.outcome = Row::Outcome::kExpired;
    return;
  }
  const auto code = error["errorCode"].integer_or(0);
  const int status = code >= 400 && code <= 599 ? static_cast<int>(code) : 0;
  row.error = error_of_name("", error["errorMessage"].string().value_or(""), status);
  row.error.provider_code =
      code != 0 ? fmt::format("{}", code)
                : provider::openai_chat::presentable(error["errorCode"].string_or(""));
  // What the provider says outweighs what we would think of the code.
  const auto retryable = error["retryable"].boolean();
  const bool passes =
      row.error.kind == ErrorKind::kUnavailable || row.error.kind == ErrorKind::kRateLimited;
  if (retryable && *retryable != passes)
    row.error.kind = *retryable ? ErrorKind::kUnavailable : ErrorKind::kInvalidArgument;
}

}  // namespace

Result<void> append_item(std::string_view custom_id, const llm::Request& request,
                         std::string& out) {
  if (request.stream)
    return fail(ErrorKind::kInvalidArgument, "a request of a batch cannot be streamed",
                "send it on the sync route");
  std::string body;
  WEIR_CHECK(append_body(request, llm::Route::kBatch, body));
  json::Writer row;
  row.begin_object().field("recordId", custom_id).key("modelInput").raw(body).end_object();
  out += row.text();
  return {};
}

Result<Row> decode_result_row(std::string_view line) {
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed || !parsed->is_object()) return unreadable("a result line is not a JSON object");
  const auto id = (*parsed)["recordId"].string();
  if (!id || id->empty()) return unreadable("a result row has no recordId");
  if (const auto unique = json::check_unique_keys(*parsed); !unique)
    return unreadable("a result row repeats a key");
  Row row;
  row.custom_id = *id;
  const auto output = (*parsed)["modelOutput"], error = (*parsed)["error"];
  if (error.is_object()) read_error(error, row);
  else if (output.is_object()) read_output(output, line, row);
  else row.error = unreadable("a result row has neither an output nor an error").error();
  return row;
}

}  // namespace weir::providers::bedrock
