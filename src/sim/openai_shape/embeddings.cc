#include "sim/openai_shape/embeddings.h"

#include <fmt/format.h>

#include "json/write.h"
#include "sim/tokenizer.h"

namespace weir::sim::openai_shape {
namespace {

bool is_tokens(json::Value input) {
  return input.is_array() && input.size() > 0 && json::Value(input.items().at(0)).is_number();
}

// A text, tokens, or a list of either.
Checked<void> read_inputs(const Traits& traits, json::Value input, EmbeddingAsked& asked) {
  const auto add = [&](json::Value one) -> Checked<void> {
    const auto text = one.string();
    if (!text && !is_tokens(one)) return refuse("'$.input' is invalid.", "input");
    if (text && text->empty()) return refuse("'input' cannot be an empty string.", "input");
    const auto tokens = text ? count_tokens(*text) : static_cast<std::int64_t>(one.size());
    if (tokens > asked.row->input_tokens_max)
      return refuse(fmt::format("This model's maximum context length is {} tokens, however you "
                                "requested {} tokens. Please reduce your prompt.",
                                asked.row->input_tokens_max, tokens),
                    "input", "context_length_exceeded");
    asked.texts.push_back(text ? std::string(*text) : one.text());
    asked.tokens += tokens;
    return {};
  };
  if (input.is_string() || is_tokens(input)) return add(input);
  if (input.size() < 1 || input.size() > traits.embedding.inputs_max)
    return refuse(fmt::format("'input' must have 1 to {} items.", traits.embedding.inputs_max),
                  "input");
  for (const auto item : input.items())
    if (auto added = add(json::Value(item)); !added) return added;
  return {};
}

Checked<void> read_size(const Traits& traits, json::Value body, EmbeddingAsked& asked) {
  asked.size = static_cast<std::size_t>(asked.row->dimensions);
  const auto key = traits.embedding.dimensions_key;
  const auto wish = key.empty() ? json::Value() : body[key];
  if (wish.is_null()) return {};
  if (!asked.row->selectable)
    return refuse("This model does not support specifying dimensions.", std::string(key));
  const auto size = wish.integer_or(0);
  if (size < 1 || size > asked.row->dimensions)
    return refuse(fmt::format("Invalid value for '{}' = {}.", key, size), std::string(key));
  asked.size = static_cast<std::size_t>(size);
  return {};
}

}  // namespace

Checked<EmbeddingAsked> read_embedding(const Traits& traits, const EmbeddingTable& table,
                                       json::Value body) {
  if (!body.is_object())
    return refuse("We could not parse the JSON body of your request: expected an object.");
  EmbeddingAsked asked;
  const auto model = body["model"].string().value_or("");
  asked.row = table.find(model);
  if (asked.row == nullptr)
    return refuse(
        fmt::format("The model `{}` does not exist or you do not have access to it.", model), "",
        "model_not_found", 404);
  if (auto read = read_inputs(traits, body["input"], asked); !read)
    return std::unexpected(std::move(read).error());
  const auto most = traits.embedding.tokens_max;
  if (most > 0 && asked.tokens > most)
    return refuse(fmt::format("Requested {} tokens, max {} tokens per request", asked.tokens, most),
                  "input", "max_tokens_per_request");
  if (auto read = read_size(traits, body, asked); !read)
    return std::unexpected(std::move(read).error());
  const auto format = body["encoding_format"].string().value_or("float");
  if (format != "float" && (format != "base64" || !traits.embedding.base64))
    return refuse("Invalid value for 'encoding_format'.", "encoding_format");
  asked.base64 = format == "base64";
  return asked;
}

std::string embedding_body(const EmbeddingAsked& asked, std::string_view id) {
  json::Writer out;
  out.begin_object();
  if (!id.empty()) out.field("id", id);
  out.field("object", "list").key("data").begin_array();
  std::int64_t index = 0;
  for (const auto& text : asked.texts) {
    const auto vector = unit_vector(text, "", asked.size);
    out.begin_object().field("object", "embedding").field("index", index++).key("embedding");
    if (asked.base64) out.string(base64_of(vector));
    else out.raw(json_of(vector));
    out.end_object();
  }
  out.end_array().field("model", asked.row->model);
  out.key("usage").begin_object().field("prompt_tokens", asked.tokens);
  out.field("total_tokens", asked.tokens).end_object().end_object();
  return out.take();
}

}  // namespace weir::sim::openai_shape
