#include "provider/openai_embeddings.h"

#include <fmt/format.h>

#include "http/url.h"
#include "json/write.h"

namespace weir::provider::openai_embeddings {

Result<http::RequestPlan> Codec::encode_embed(const EmbeddingRequest& request,
                                              const SyncCall& call) const {
  WEIR_CHECK(check_embedding(request));
  if (request.dimensions && options_.dimensions_key.empty())
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} cannot be told how long embeddings are to be", chat_.provider),
                "leave the dimensions unset");
  json::Writer body;
  body.begin_object().field("model", request.model).key("input").begin_array();
  for (const auto& input : request.inputs) body.string(input);
  body.end_array();
  if (options_.base64) body.field("encoding_format", "base64");
  if (request.dimensions)
    body.field(options_.dimensions_key, static_cast<std::int64_t>(*request.dimensions));
  body.end_object();
  http::RequestPlan plan{.method = http::Method::kPost,
                         .target = http::join_path(call.credentials.base_path, options_.path),
                         .headers = openai_chat::request_headers(chat_, call.credentials, true),
                         .body = {}};
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  plan.body.emplace_back(body.take());
  return plan;
}

Result<Embeddings> Codec::decode_embed(const EmbeddingRequest& request,
                                       const http::Response& response, Time now) const {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(openai_chat::decode_error(chat_, response, now));
  VectorsReader vectors(chat_.provider, request);
  json::Parser parser;
  const auto body = parser.parse(response.body);
  if (!body) return vectors.bad("answered with something that is not JSON");
  const auto usage = (*body)["usage"];
  const bool metered = usage["prompt_tokens"].integer().has_value();
  if (!metered && options_.usage)
    return vectors.bad("answered without usage, so its cost is unknown");
  for (const auto item : (*body)["data"].items()) {
    const json::Value row(item);
    WEIR_CHECK(vectors.add(row["index"].integer_or(-1), row["embedding"]));
  }
  Embeddings out;
  WEIR_TRY(out.vectors, vectors.finish());
  out.model = (*body)["model"].string_or("");
  if (!metered) return out;
  out.usage = llm::Usage{.input = openai_chat::token_count(usage["prompt_tokens"])};
  out.usage_raw = usage.text();
  return out;
}

}  // namespace weir::provider::openai_embeddings
