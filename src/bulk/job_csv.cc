#include "bulk/job_csv.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::bulk {
namespace {

using engine::ItemEnd;

std::string_view name_of(ItemEnd end) {
  return end == ItemEnd::kSucceeded ? "succeeded"
         : end == ItemEnd::kFailed  ? "failed"
                                    : "cancelled";
}

// A string as it is, anything else as JSON; null and what is missing are empty.
std::string text_of(json::Value value) {
  if (value.is_null()) return "";
  if (const auto text = value.string()) return std::string(*text);
  return value.text();
}

}  // namespace

std::string csv_cell(std::string_view text) {
  const bool quote = text.find_first_of(",\"\r\n") != std::string_view::npos ||
                     text.starts_with(' ') || text.ends_with(' ');
  if (!quote) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

void CsvExport::look(const engine::ResultLog::Record& record) {
  const auto line = parser_.parse(record.line);
  if (!line) return;
  const auto answer = (*line)["answer"];
  if (answer.is_null()) return;
  if (!answer.is_object()) {
    plain_ = true;
    return;
  }
  for (const auto member : answer.members()) {
    if (std::ranges::find(fields_, member.key) != fields_.end()) continue;
    if (fields_.size() < kFieldsMax) fields_.emplace_back(member.key);
    else plain_ = true;
  }
}

// A field of an answer may be called like a column of ours: it keeps its name behind "answer.".
std::string CsvExport::header() const {
  static constexpr std::string_view kFixed[] = {"id",       "line",       "state",
                                                "answer",   "error_kind", "error_message",
                                                "cost_usd", "route",      "attempts"};
  std::string out = "id,line,state";
  if (plain_ || fields_.empty()) out += ",answer";
  for (const auto& field : fields_) {
    const bool taken = std::ranges::find(kFixed, field) != std::end(kFixed);
    out += "," + csv_cell(taken ? "answer." + field : field);
  }
  return out + ",error_kind,error_message,cost_usd,route,attempts\r\n";
}

std::string CsvExport::row(const engine::ResultLog::Record& record) {
  const auto parsed = parser_.parse(record.line);
  const json::Value line = parsed.value_or(json::Value());
  const auto answer = line["answer"];
  std::string out = csv_cell(text_of(line["id"])) + "," + text_of(line["line"]) + ",";
  out += name_of(record.end);
  if (plain_ || fields_.empty()) {
    const auto known = [&](auto member) {
      return std::ranges::find(fields_, member.key) != fields_.end();
    };
    bool whole = true;
    for (const auto member : answer.members()) whole = whole && known(member);
    out += "," + (answer.is_object() && whole ? "" : csv_cell(text_of(answer)));
  }
  for (const auto& field : fields_) out += "," + csv_cell(text_of(answer[field]));
  const auto error = line["error"];
  out += "," + csv_cell(text_of(error["kind"])) + "," + csv_cell(text_of(error["message"]));
  out += "," + text_of(line["cost_usd"]) + "," + text_of(line["route"]) + "," +
         text_of(line["attempts"]);
  return out + "\r\n";
}

}  // namespace weir::bulk
