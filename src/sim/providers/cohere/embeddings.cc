#include "sim/providers/cohere/embeddings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/write.h"
#include "sim/tokenizer.h"

namespace weir::sim::cohere {
namespace {

constexpr std::size_t kTextsMax = 96;
constexpr std::array<std::string_view, 4> kPurposes{"search_document", "search_query",
                                                    "classification", "clustering"};

std::unexpected<EmbeddingRefusal> refused(std::string message, int status = 400) {
  return std::unexpected(EmbeddingRefusal{status, std::move(message)});
}

bool is_wanted(json::Value types, std::string_view type) {
  for (const auto item : types.items())
    if (item.string() == type) return true;
  return false;
}

// What is too long is cut at the end, unless `truncate` is NONE.
std::expected<std::string, EmbeddingRefusal> fitting(json::Value text, const EmbeddingRow& row,
                                                     std::string_view truncate) {
  auto out = text.string_or("");
  if (out.empty()) return refused("invalid request: texts must not be empty");
  if (count_tokens(out) <= row.input_tokens_max) return out;
  if (truncate == "NONE")
    return refused(fmt::format("too many tokens: a text cannot be longer than {} tokens",
                               row.input_tokens_max));
  out.resize(token_prefix_bytes(out, row.input_tokens_max));
  return out;
}

}  // namespace

std::expected<EmbeddingAnswer, EmbeddingRefusal> embed(const EmbeddingTable& table,
                                                       json::Value body, std::string_view id) {
  const auto model = body["model"].string().value_or("");
  EmbeddingAnswer answer{.body = {}, .row = table.find(model)};
  if (answer.row == nullptr) return refused(fmt::format("model '{}' not found", model), 404);
  const auto purpose = body["input_type"].string().value_or("");
  if (std::ranges::find(kPurposes, purpose) == kPurposes.end())
    return refused("invalid request: input_type is required");
  const auto texts = body["texts"];
  if (texts.size() < 1 || texts.size() > kTextsMax)
    return refused(
        fmt::format("invalid request: total number of texts must be at most {}", kTextsMax));
  const auto types = body["embedding_types"];
  if (!types.is_null() && !is_wanted(types, "float"))
    return refused("invalid request: only floats are simulated");
  const auto wish = body["output_dimension"];
  const auto size = wish.integer_or(answer.row->dimensions);
  if (!wish.is_null() && (!answer.row->selectable || size < 1 || size > answer.row->dimensions))
    return refused("invalid request: output_dimension is not supported");
  json::Writer out, echo;
  out.begin_object().field("id", id).key("embeddings").begin_object().key("float").begin_array();
  echo.begin_array();
  for (const auto item : texts.items()) {
    const auto text = fitting(item, *answer.row, body["truncate"].string().value_or("END"));
    if (!text) return std::unexpected(text.error());
    answer.tokens += count_tokens(*text);
    out.raw(json_of(unit_vector(*text, purpose, static_cast<std::size_t>(size))));
    echo.string(*text);
  }
  out.end_array().end_object().key("texts").raw(echo.end_array().take());
  out.key("meta").begin_object().key("api_version").begin_object().field("version", "2");
  out.end_object().key("billed_units").begin_object().field("input_tokens", answer.tokens);
  out.end_object().end_object().field("response_type", "embeddings_by_type");
  answer.body = out.end_object().take();
  return answer;
}

}  // namespace weir::sim::cohere
