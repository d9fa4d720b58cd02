#include "bulk/job_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/write.h"

namespace weir::bulk {

Result<llm::Request> make_request(const RequestShape& shape, const Record& record,
                                  std::span<const std::uint8_t> order) {
  llm::Request request;
  request.output_max = shape.output_max;
  request.temperature = shape.temperature;
  if (shape.prompt == nullptr) {
    request.raw = record.raw_body();
    request.temperature.reset();
    if (request.raw) return request;
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("line {}: it is no ready-made request", record.ref.line),
                "give --prompt FILE for records that are documents");
  }
  auto pieces =
      shape.prompt->render_pieces([&](std::string_view name) { return record.field(name); },
                                  [&] { return record.field_names(); }, order);
  if (!pieces) {
    auto error = std::move(pieces).error();
    error.message = fmt::format("line {}: {}", record.ref.line, error.message);
    return std::unexpected(std::move(error));
  }
  if (!shape.prompt->static_part().empty())
    request.system.push_back({.text = shape.prompt->static_part()});
  auto& content = request.messages.emplace_back().content;
  for (auto& piece : *pieces) content.push_back({.text = std::move(piece), .goes_on = true});
  content.back().goes_on = false;
  if (shape.schema != nullptr) request.format = llm::AnswerFormat{"answer", shape.schema->text()};
  request.cache_key = shape.cache_key;
  return request;
}

Result<std::string> content_of(const RequestShape& shape, const Record& record) {
  WEIR_TRY(auto request, make_request(shape, record));
  if (request.raw) return std::move(request.raw->bytes);
  llm::join_pieces(request);
  return std::move(request.messages.front().content.front().text);
}

Result<engine::Item> JobSource::item(std::uint64_t index) {
  engine::Item item;
  WEIR_TRY(const auto row, input_.index().row(index));
  item.line = row.line;
  if (row.rejected()) {
    WEIR_TRY(auto rejected, input_.rejection(index));
    item.id = rejected.id.value_or("");
    item.rejected = std::move(rejected.error);
    return item;
  }
  WEIR_CHECK(input_.read(index, record_));
  item.id = record_.id;
  if (record_.error) {
    item.rejected = record_.error;
    return item;
  }
  std::span<const std::uint8_t> order;
  if (order_) {
    WEIR_TRY(order, order_->of(index));
  }
  auto request = make_request(shape_, record_, order);
  if (!request) {
    item.rejected = std::move(request).error();
    return item;
  }
  item.request = std::move(*request);
  return item;
}

Result<engine::CheckedText> JobSource::check(std::uint64_t /*index*/,
                                             const llm::Response& response) {
  engine::CheckedText out;
  if (shape_.schema == nullptr) {
    json::append_string(out.json, response.text);
    return out;
  }
  WEIR_TRY(auto checked, shape_.schema->check(response.text));
  // Line breaks of valid JSON stand between tokens only; the output is one line an item.
  std::replace_if(
      checked.json.begin(), checked.json.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  out.json = std::move(checked.json);
  out.repaired = std::move(checked.repair);
  return out;
}

}  // namespace weir::bulk
