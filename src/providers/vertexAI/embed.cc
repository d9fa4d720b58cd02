#include "providers/vertexAI/embed.h"

#include <fmt/format.h>

#include "json/write.h"
#include "provider/openai_chat_dialect.h"
#include "providers/vertexAI/wire.h"

namespace weir::providers::vertexAI {

Result<http::RequestPlan> Embedding::encode_embed(const provider::EmbeddingRequest& request,
                                                  const provider::SyncCall& call) const {
  WEIR_CHECK(provider::check_embedding(request));
  WEIR_TRY(const auto site, site_of(call.credentials.settings));
  if (call.credentials.key.empty())
    return fail(ErrorKind::kUnauthenticated,
                "vertexAI needs an access token or a service account's key",
                "export GOOGLE_OAUTH_ACCESS_TOKEN=…, or give --key-file KEY.json");
  const bool query = request.purpose == provider::EmbeddingPurpose::kQuery;
  json::Writer body;
  body.begin_object().key("instances").begin_array();
  for (const auto& input : request.inputs)
    body.begin_object()
        .field("content", input)
        .field("task_type", query ? "RETRIEVAL_QUERY" : "RETRIEVAL_DOCUMENT")
        .end_object();
  body.end_array().key("parameters").begin_object().field("autoTruncate", false);
  if (request.dimensions)
    body.field("outputDimensionality", static_cast<std::int64_t>(*request.dimensions));
  body.end_object().end_object();
  auto plan = plan_of(http::Method::kPost, call.credentials,
                      model_path(site, request.model, ":predict"), true);
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
  Tokens tokens;
  for (const auto item : (*body)["predictions"].items()) {
    const auto embeddings = json::Value(item)["embeddings"];
    const auto count = embeddings["statistics"]["token_count"];
    if (!count.integer()) return vectors.bad("answered without usage, so its cost is unknown");
    tokens += provider::openai_chat::token_count(count);
    WEIR_CHECK(vectors.add(embeddings["values"]));
  }
  provider::Embeddings out;
  WEIR_TRY(out.vectors, vectors.finish());
  out.usage = llm::Usage{.input = tokens};
  out.usage_raw = fmt::format(R"({{"token_count":{}}})", tokens.count);
  return out;
}

}  // namespace weir::providers::vertexAI
