#include "sim/providers/bedrock/embeddings.h"

#include <fmt/format.h>

#include "json/write.h"
#include "sim/tokenizer.h"

namespace weir::sim::bedrock {
namespace {

constexpr std::size_t kTextsMax = 96;

std::unexpected<ApiError> invalid(std::string message) {
  return std::unexpected(
      ApiError{.status = 400, .name = "ValidationException", .message = std::move(message)});
}

Checked<std::size_t> size_of(const EmbeddingRow& row, json::Value wish) {
  const auto size = wish.integer_or(row.dimensions);
  if (!wish.is_null() && !row.selectable) return invalid("extraneous key is not permitted");
  if (size < 1 || size > row.dimensions)
    return invalid("Malformed input request: dimensions is not a valid enum value");
  return static_cast<std::size_t>(size);
}

Checked<std::int64_t> tokens_of(const EmbeddingRow& row, json::Value text) {
  const auto words = text.string().value_or("");
  if (words.empty()) return invalid("Malformed input request: a text is missing or empty");
  const auto tokens = count_tokens(words);
  if (tokens > row.input_tokens_max)
    return invalid(
        fmt::format("Too many input tokens. Max input tokens: {}, request input token "
                    "count: {}",
                    row.input_tokens_max, tokens));
  return tokens;
}

Checked<EmbeddingAnswer> titan(const EmbeddingRow& row, json::Value body) {
  const auto size = size_of(row, body["dimensions"]);
  if (!size) return std::unexpected(size.error());
  const auto tokens = tokens_of(row, body["inputText"]);
  if (!tokens) return std::unexpected(tokens.error());
  const auto vector = json_of(unit_vector(body["inputText"].string_or(""), "", *size));
  json::Writer out;
  out.begin_object().key("embedding").raw(vector).key("embeddingsByType").begin_object();
  out.key("float").raw(vector).end_object().field("inputTextTokenCount", *tokens).end_object();
  return EmbeddingAnswer{out.take(), *tokens};
}

Checked<EmbeddingAnswer> cohere(const EmbeddingRow& row, json::Value body) {
  const auto purpose = body["input_type"].string().value_or("");
  if (purpose.empty()) return invalid("input_type is required");
  const auto texts = body["texts"];
  if (texts.size() < 1 || texts.size() > kTextsMax)
    return invalid(fmt::format("texts must have 1 to {} items", kTextsMax));
  const auto size = size_of(row, body["output_dimension"]);
  if (!size) return std::unexpected(size.error());
  EmbeddingAnswer answer;
  json::Writer out;
  out.begin_object().field("id", "sim").field("response_type", "embeddings_by_type");
  out.key("embeddings").begin_object().key("float").begin_array();
  for (const auto text : texts.items()) {
    const auto tokens = tokens_of(row, text);
    if (!tokens) return std::unexpected(tokens.error());
    answer.tokens += *tokens;
    out.raw(json_of(unit_vector(text.string_or(""), purpose, *size)));
  }
  answer.body = out.end_array().end_object().end_object().take();
  return answer;
}

}  // namespace

Checked<EmbeddingAnswer> embed(const EmbeddingRow& row, json::Value body) {
  if (!body.is_object()) return invalid("Malformed input request, please reformat your input.");
  return row.model.starts_with("amazon.") ? titan(row, body) : cohere(row, body);
}

}  // namespace weir::sim::bedrock
