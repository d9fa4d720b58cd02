#include "providers/gemini/embed.h"

#include <fmt/format.h>

#include "json/write.h"
#include "provider/openai_chat_dialect.h"
#include "providers/gemini/wire.h"

namespace weir::providers::gemini {
namespace {

std::string_view task_of(const provider::EmbeddingRequest& request) {
  if (request.model != "gemini-embedding-001") return {};
  return request.purpose == provider::EmbeddingPurpose::kQuery ? "RETRIEVAL_QUERY"
                                                               : "RETRIEVAL_DOCUMENT";
}

}  // namespace

Result<http::RequestPlan> Embedding::encode_embed(const provider::EmbeddingRequest& request,
                                                  const provider::SyncCall& call) const {
  WEIR_CHECK(provider::check_embedding(request));
  const auto name = fmt::format("models/{}", request.model);
  const auto task = task_of(request);
  json::Writer body;
  body.begin_object().key("requests").begin_array();
  for (const auto& input : request.inputs) {
    body.begin_object().field("model", name).key("content").begin_object().key("parts");
    body.begin_array().begin_object().field("text", input).end_object().end_array().end_object();
    if (!task.empty()) body.field("taskType", task);
    if (request.dimensions)
      body.field("outputDimensionality", static_cast<std::int64_t>(*request.dimensions));
    body.end_object();
  }
  body.end_array().end_object();
  auto plan = plan_of(http::Method::kPost, call.credentials,
                      model_path(request.model, ":batchEmbedContents"), true);
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  plan.body.emplace_back(body.take());
  return plan;
}

Result<provider::Embeddings> Embedding::decode_embed(const provider::EmbeddingRequest& request,
                                                     const http::Response& response,
                                                     Time now) const {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(provider::gemini::decode_error(options_, response, now));
  provider::VectorsReader vectors(options_.provider, request);
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body) return vectors.bad("answered with something that is not JSON");
  for (const auto item : (*body)["embeddings"].items())
    WEIR_CHECK(vectors.add(json::Value(item)["values"]));
  provider::Embeddings out;
  WEIR_TRY(out.vectors, vectors.finish());
  const auto usage = (*body)["usageMetadata"];
  if (!usage["promptTokenCount"].integer()) return out;
  out.usage = llm::Usage{.input = provider::openai_chat::token_count(usage["promptTokenCount"])};
  out.usage_raw = usage.text();
  return out;
}

}  // namespace weir::providers::gemini
