#include "sim/providers/gemini/embeddings.h"

#include <fmt/format.h>

#include "json/write.h"
#include "sim/tokenizer.h"

namespace weir::sim::gemini {
namespace {

using gemini_shape::Checked;
using gemini_shape::member;
using gemini_shape::refuse;

struct Embedded {
  std::string vector;  // its JSON
  std::int64_t tokens = 0;
};

// {"model":"models/…","content":{"parts":[{"text":"…"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":768}
Checked<Embedded> embed_one(const EmbeddingRow& row, json::Value request, bool batch) {
  if (auto known = gemini_shape::check_names(
          request, "request", {"model", "content", "taskType", "title", "outputDimensionality"});
      !known)
    return std::unexpected(known.error());
  const auto model = request["model"].string();
  if (batch && model != "models/" + row.model)
    return refuse("The model of a request must be the model of the batch.");
  const auto task = member(request, "taskType").string().value_or("");
  if (!task.empty() && row.model != "gemini-embedding-001")
    return refuse("task_type is not supported by this model.");
  std::string text;
  for (const auto part : member(member(request, "content"), "parts").items())
    text += json::Value(part)["text"].string().value_or("");
  if (text.empty()) return refuse("content is required.");
  const auto tokens = count_tokens(text);
  if (tokens > row.input_tokens_max)
    return refuse(
        fmt::format("The input token count ({}) exceeds the maximum number of tokens "
                    "allowed ({}).",
                    tokens, row.input_tokens_max));
  const auto size = member(request, "outputDimensionality").integer_or(row.dimensions);
  if (size < 1 || size > row.dimensions) return refuse("output_dimensionality is out of range.");
  return Embedded{json_of(unit_vector(text, task, static_cast<std::size_t>(size))), tokens};
}

}  // namespace

Checked<EmbeddingAnswer> embed(const EmbeddingRow& row, json::Value body, bool batch) {
  json::Writer out;
  EmbeddingAnswer answer;
  out.begin_object();
  if (!batch) {
    const auto one = embed_one(row, body, false);
    if (!one) return std::unexpected(one.error());
    answer.tokens = one->tokens;
    out.key("embedding").begin_object().key("values").raw(one->vector).end_object();
  } else {
    const auto requests = body["requests"];
    if (requests.size() < 1 || requests.size() > kEmbeddingsMax)
      return refuse(fmt::format("at most {} requests can be in one batch", kEmbeddingsMax));
    out.key("embeddings").begin_array();
    for (const auto item : requests.items()) {
      const auto one = embed_one(row, item, true);
      if (!one) return std::unexpected(one.error());
      answer.tokens += one->tokens;
      out.begin_object().key("values").raw(one->vector).end_object();
    }
    out.end_array();
  }
  out.key("usageMetadata").begin_object().field("promptTokenCount", answer.tokens).end_object();
  answer.body = out.end_object().take();
  return answer;
}

}  // namespace weir::sim::gemini
