#include "providers/cohere/rows.h"

#include "json/value.h"
#include "providers/cohere/errors.h"
#include "providers/cohere/wire.h"

namespace weir::providers::cohere {
namespace {

using provider::Row;

// The record's schema is not published: an error may be words, or an object with some.
Error error_of(json::Value error) {
  const auto words = error.is_object() ? error["message"].string() : error.string();
  return error_of_words(words.value_or("the row failed, and nothing says why"));
}

void read_answer(json::Value body, Row& row) {
  auto answer = decode_chat(body);
  if (answer) {
    row.outcome = Row::Outcome::kSucceeded;
    row.response = *std::move(answer);
    return;
  }
  row.error = std::move(answer).error();
  // It ran and is billed, readable or not: keep what it cost.
  if (const auto usage = body["usage"]; has_usage(usage)) {
    row.response.usage = decode_usage(usage);
    row.response.usage_raw = usage.text();
  }
}

}  // namespace

Result<Row> decode_row(std::string_view line) {
  json::Parser parser, inner;
  const auto parsed = parser.parse(line);
  if (!parsed || !parsed->is_object()) return bad("a result row is no JSON object");
  const auto id = (*parsed)["custom_id"].string();
  if (!id || id->empty()) return bad("a result row has no custom_id");
  if (const auto unique = json::check_unique_keys(*parsed); !unique)
    return bad("a result row repeats a key");
  Row row;
  row.custom_id = *id;
  const auto error = (*parsed)["error"];
  auto body = (*parsed)["body"];
  // Whether a body is a record or JSON within a text is the schema's affair.
  if (const auto text = body.string()) body = inner.parse(*text).value_or(json::Value());
  const bool failed = error.is_object() || !error.string().value_or("").empty();
  if (failed) row.error = error_of(error);
  else if (body.is_object()) read_answer(body, row);
  else return bad("a result row has neither an answer nor an error");
  return row;
}

}  // namespace weir::providers::cohere
