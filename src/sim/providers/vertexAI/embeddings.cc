#include "sim/providers/vertexAI/embeddings.h"

#include <fmt/format.h>

#include "json/write.h"
#include "sim/tokenizer.h"

namespace weir::sim::vertexAI {

using gemini_shape::refuse;

gemini_shape::Checked<EmbeddingAnswer> predict(const EmbeddingRow& row, json::Value body) {
  const auto instances = body["instances"], parameters = body["parameters"];
  if (instances.size() != 1)
    return refuse(fmt::format("{} takes exactly one instance.", row.model));
  const json::Value instance(instances.items().at(0));
  std::string text = instance["content"].string_or("");
  if (text.empty()) return refuse("The text content is empty.");
  auto tokens = count_tokens(text);
  const bool truncated = tokens > row.input_tokens_max;
  if (truncated && !parameters["autoTruncate"].boolean().value_or(true))
    return refuse(fmt::format("The input token count is {} but the model supports up to {}.",
                              tokens, row.input_tokens_max));
  if (truncated) {
    tokens = row.input_tokens_max;
    text.resize(token_prefix_bytes(text, tokens));
  }
  const auto size = parameters["outputDimensionality"].integer_or(row.dimensions);
  if (size < 1 || size > row.dimensions) return refuse("outputDimensionality is out of range.");
  const auto vector = unit_vector(text, instance["task_type"].string().value_or(""),
                                  static_cast<std::size_t>(size));
  json::Writer out;
  out.begin_object().key("predictions").begin_array().begin_object().key("embeddings");
  out.begin_object().key("values").raw(json_of(vector)).key("statistics").begin_object();
  out.field("truncated", truncated).field("token_count", tokens).end_object().end_object();
  out.end_object().end_array().key("metadata").begin_object();
  out.field("billableCharacterCount", static_cast<std::int64_t>(text.size())).end_object();
  return EmbeddingAnswer{out.end_object().take(), tokens};
}

}  // namespace weir::sim::vertexAI
