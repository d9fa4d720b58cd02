#include "sim/openai_shape/validate.h"

#include <unordered_set>

#include "base/hash.h"
#include "sim/openai_shape/responses.h"

namespace weir::sim::openai_shape {
namespace {

// What is wrong with one line, as far as the line alone tells.
std::optional<BatchError> check_line(const BatchRules& rules, json::Value line,
                                     std::string_view endpoint, const PriceTable& prices) {
  const auto missing = [](const std::string& param) {
    return BatchError{.code = "missing_required_parameter",
                      .message = "Missing required parameter: '" + param + "'.",
                      .param = param};
  };
  if (!line.is_object())
    return BatchError{.code = "invalid_json_line", .message = "This line is not a JSON object."};
  if (line["custom_id"].string().value_or("").empty()) return missing("custom_id");
  if (rules.line_url && !line["method"].is_string()) return missing("method");
  if (rules.line_url && line["method"].string() != "POST")
    return BatchError{
        .code = "invalid_request", .message = "The method must be POST.", .param = "method"};
  if (rules.line_url && !line["url"].is_string()) return missing("url");
  if (rules.line_url && line["url"].string() != endpoint)
    return BatchError{
        .code = "invalid_url",
        .message = "The URL provided for this request does not match the batch endpoint.",
        .param = "url"};
  const json::Value body = line["body"];
  if (!body.is_object()) return missing("body");
  const auto model = body["model"].string();
  if (rules.line_model && model.value_or("").empty()) return missing("body.model");
  if (model && prices.find(*model) == nullptr)
    return BatchError{
        .code = "model_not_found",
        .message = "The provided model '" + body["model"].string_or("") + "' does not exist.",
        .param = "body.model"};
  if (body["stream"].boolean().value_or(false))
    return BatchError{.code = "streaming_unsupported",
                      .message = "Streaming is not supported in a batch.",
                      .param = "body.stream"};
  if (endpoint == kResponsesEndpoint) {
    if (body["input"].is_null()) return missing("body.input");
    return std::nullopt;
  }
  if (!body["messages"].is_array() || body["messages"].size() == 0)
    return BatchError{.code = "invalid_request",
                      .message = "The request has no messages.",
                      .param = "body.messages"};
  return std::nullopt;
}

}  // namespace

std::vector<LineSpan> index_lines(std::string_view file) {
  std::vector<LineSpan> lines;
  for (std::size_t at = 0; at < file.size();) {
    auto end = file.find('\n', at);
    if (end == std::string_view::npos) end = file.size();
    std::size_t length = end - at;
    if (length > 0 && file[end - 1] == '\r') --length;
    lines.push_back({at, static_cast<std::uint32_t>(length)});
    at = end + 1;
  }
  return lines;
}

std::optional<BatchError> validate_batch(const Traits& traits, std::string_view file,
                                         const std::vector<LineSpan>& lines,
                                         std::string_view endpoint, const PriceTable& prices,
                                         std::string& model) {
  const BatchRules& rules = traits.batch;
  if (lines.empty())
    return BatchError{.code = "empty_file", .message = "The batch input file is empty."};
  if (lines.size() > rules.lines_max)
    return BatchError{.code = "too_many_tasks",
                      .message = "The batch input file holds more than " +
                                 std::to_string(rules.lines_max) + " requests."};
  json::Parser parser;
  std::unordered_set<std::uint64_t> seen;
  std::int64_t number = 0;
  for (const auto& span : lines) {
    ++number;
    const auto with_line = [&](BatchError error) {
      error.line = number;
      return error;
    };
    const auto line = parser.parse(file.substr(span.offset, span.length));
    if (!line)
      return with_line(
          {.code = "invalid_json_line", .message = "This line is not parseable as valid JSON."});
    if (auto error = check_line(rules, *line, endpoint, prices))
      return with_line(std::move(*error));
    const auto id = *(*line)["custom_id"].string();
    if (!seen.insert(hash64(id)).second && rules.unique_ids)
      return with_line(
          {.code = "duplicate_custom_id",
           .message = "The custom_id '" + std::string(id) + "' was used before in this file.",
           .param = "custom_id"});
    const auto named = (*line)["body"]["model"].string();
    if (!named) continue;
    if (model.empty()) model = *named;
    if (rules.one_model && *named != model)
      return with_line(
          {.code = "mismatched_model",
           .message =
               "All requests of a batch must name the same model; the first names '" + model + "'.",
           .param = "body.model"});
  }
  return std::nullopt;
}

}  // namespace weir::sim::openai_shape
