#include "providers/bedrock/embed.h"

#include <fmt/format.h>

#include "http/url.h"
#include "json/write.h"
#include "provider/openai_chat_dialect.h"
#include "providers/bedrock/errors.h"
#include "providers/bedrock/wire.h"

namespace weir::providers::bedrock {
namespace {

enum class Maker : std::uint8_t { kTitan, kCohere, kOther };

// "amazon.titan-embed-text-v2:0", "us.cohere.embed-v4:0"
Maker maker_of(std::string_view model) {
  if (model.contains("amazon.titan-embed-text")) return Maker::kTitan;
  return model.contains("cohere.embed-") ? Maker::kCohere : Maker::kOther;
}

bool takes_dimensions(std::string_view model) {
  return !model.contains("titan-embed-text-v1") && !model.contains("cohere.embed-english-v3") &&
         !model.contains("cohere.embed-multilingual-v3");
}

void write_titan(const provider::EmbeddingRequest& request, json::Writer& body) {
  body.field("inputText", request.inputs.front());
  if (request.dimensions) body.field("dimensions", static_cast<std::int64_t>(*request.dimensions));
}

void write_cohere(const provider::EmbeddingRequest& request, json::Writer& body) {
  const bool query = request.purpose == provider::EmbeddingPurpose::kQuery;
  body.field("input_type", query ? "search_query" : "search_document").key("texts").begin_array();
  for (const auto& input : request.inputs) body.string(input);
  body.end_array().key("embedding_types").begin_array().string("float").end_array();
  body.field("truncate", "NONE");
  if (request.dimensions)
    body.field("output_dimension", static_cast<std::int64_t>(*request.dimensions));
}

// A header is text: read as JSON is, so that nonsense counts as nothing.
std::optional<llm::Usage> usage_of(std::optional<std::string_view> text) {
  json::Parser parser;
  const auto count = parser.parse(text.value_or("null"));
  if (!count || !count->integer()) return std::nullopt;
  return llm::Usage{.input = provider::openai_chat::token_count(*count)};
}

}  // namespace

Result<http::RequestPlan> Embedding::encode_embed(const provider::EmbeddingRequest& request,
                                                  const provider::SyncCall& call) const {
  WEIR_CHECK(provider::check_embedding(request));
  const auto maker = maker_of(request.model);
  if (maker == Maker::kOther)
    return fail(ErrorKind::kUnsupported,
                fmt::format("how {} is asked for embeddings is not known here", request.model),
                "Titan Text Embeddings and Cohere Embed are");
  if (maker == Maker::kTitan && request.inputs.size() > 1)
    return fail(ErrorKind::kUnsupported, "a Titan model embeds one text a request");
  if (request.dimensions && !takes_dimensions(request.model))
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} cannot be told how long embeddings are to be", request.model),
                "leave the dimensions unset");
  json::Writer body;
  body.begin_object();
  if (maker == Maker::kTitan) write_titan(request, body);
  else write_cohere(request, body);
  body.end_object();
  http::RequestPlan plan{
      .method = http::Method::kPost,
      .target = fmt::format("/model/{}/invoke", http::percent_encode(request.model)),
      .headers = {{"content-type", "application/json"}, {"accept", "application/json"}},
      .body = {}};
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  plan.body.emplace_back(body.take());
  address(plan, Service::kRuntime, call.credentials, call.now);
  return plan;
}

Result<provider::Embeddings> Embedding::decode_embed(const provider::EmbeddingRequest& request,
                                                     const http::Response& response,
                                                     Time now) const {
  if (response.status / 100 != 2) return std::unexpected(error_of_response(response, now));
  provider::VectorsReader vectors("bedrock", request);
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body) return vectors.bad("answered with something that is not JSON");
  provider::Embeddings out;
  if (maker_of(request.model) == Maker::kTitan) {
    const auto count = (*body)["inputTextTokenCount"];
    if (!count.integer()) return vectors.bad("answered without usage, so its cost is unknown");
    out.usage = llm::Usage{.input = provider::openai_chat::token_count(count)};
    WEIR_CHECK(vectors.add((*body)["embedding"]));
  } else {
    out.usage = usage_of(response.headers.find("x-amzn-bedrock-input-token-count"));
    for (const auto item : (*body)["embeddings"]["float"].items()) WEIR_CHECK(vectors.add(item));
  }
  WEIR_TRY(out.vectors, vectors.finish());
  if (out.usage) out.usage_raw = fmt::format(R"({{"input_tokens":{}}})", out.usage->input.count);
  return out;
}

}  // namespace weir::providers::bedrock
