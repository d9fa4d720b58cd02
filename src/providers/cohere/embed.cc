#include "providers/cohere/embed.h"

#include "json/write.h"
#include "providers/cohere/batch_wire.h"
#include "providers/cohere/errors.h"

namespace weir::providers::cohere {

Result<http::RequestPlan> Embedding::encode_embed(const provider::EmbeddingRequest& request,
                                                  const provider::SyncCall& call) const {
  WEIR_CHECK(provider::check_embedding(request));
  const bool query = request.purpose == provider::EmbeddingPurpose::kQuery;
  json::Writer body;
  body.begin_object().field("model", request.model);
  body.field("input_type", query ? "search_query" : "search_document").key("texts").begin_array();
  for (const auto& input : request.inputs) body.string(input);
  body.end_array().key("embedding_types").begin_array().string("float").end_array();
  body.field("truncate", "NONE");
  if (request.dimensions)
    body.field("output_dimension", static_cast<std::int64_t>(*request.dimensions));
  body.end_object();
  auto plan = plan_of(call.credentials, http::Method::kPost, "/v2/embed", true);
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  plan.body.emplace_back(body.take());
  return plan;
}

Result<provider::Embeddings> Embedding::decode_embed(const provider::EmbeddingRequest& request,
                                                     const http::Response& response,
                                                     Time now) const {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(decode_error(response, now));
  provider::VectorsReader vectors("cohere", request);
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body) return bad("answered with something that is no JSON object");
  const auto billed = (*body)["meta"]["billed_units"];
  if (!billed["input_tokens"].integer())
    return bad("answered without usage, so its cost is unknown");
  for (const auto item : (*body)["embeddings"]["float"].items()) WEIR_CHECK(vectors.add(item));
  provider::Embeddings out;
  WEIR_TRY(out.vectors, vectors.finish());
  out.usage = llm::Usage{.input = provider::openai_chat::token_count(billed["input_tokens"])};
  out.usage_raw = billed.text();
  return out;
}

}  // namespace weir::providers::cohere
