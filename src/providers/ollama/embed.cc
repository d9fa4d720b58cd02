#include "providers/ollama/embed.h"

#include "http/url.h"
#include "json/write.h"
#include "providers/ollama/wire.h"

namespace weir::providers::ollama {

Result<http::RequestPlan> Embedding::encode_embed(const provider::EmbeddingRequest& request,
                                                  const provider::SyncCall& call) const {
  WEIR_CHECK(provider::check_embedding(request));
  json::Writer body;
  body.begin_object().field("model", request.model).key("input").begin_array();
  for (const auto& input : request.inputs) body.string(input);
  body.end_array().field("truncate", false);
  if (request.dimensions) body.field("dimensions", static_cast<std::int64_t>(*request.dimensions));
  body.end_object();
  http::RequestPlan plan{.method = http::Method::kPost,
                         .target = http::join_path(call.credentials.base_path, "/api/embed"),
                         .headers = provider::openai_chat::bearer_headers(call.credentials, true),
                         .body = {}};
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  plan.body.emplace_back(body.take());
  return plan;
}

Result<provider::Embeddings> Embedding::decode_embed(const provider::EmbeddingRequest& request,
                                                     const http::Response& response,
                                                     Time now) const {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(provider::openai_chat::decode_error(error_options(), response, now));
  provider::VectorsReader vectors("ollama", request);
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body) return vectors.bad("answered with something that is not JSON");
  for (const auto item : (*body)["embeddings"].items()) WEIR_CHECK(vectors.add(item));
  provider::Embeddings out;
  WEIR_TRY(out.vectors, vectors.finish());
  out.model = (*body)["model"].string_or("");
  const auto count = (*body)["prompt_eval_count"];
  if (!count.integer()) return out;
  out.usage = llm::Usage{.input = provider::openai_chat::token_count(count)};
  out.usage_raw = R"({"prompt_eval_count":)" + count.text() + "}";
  return out;
}

}  // namespace weir::providers::ollama
