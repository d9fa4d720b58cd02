#include "sim/openai_shape/service.h"

#include <algorithm>

#include "sim/json_reply.h"
#include "sim/openai_shape/responses.h"

namespace weir::sim::openai_shape {

using http::Method;

std::optional<Tail> tail_of(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix) || path.size() <= prefix.size()) return std::nullopt;
  const auto text = path.substr(prefix.size());
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return Tail{text, ""};
  return Tail{text.substr(0, slash), text.substr(slash)};
}

std::optional<std::string_view> bearer_key(const http::Request& request) {
  const auto header = request.headers.find("authorization");
  if (!header || !header->starts_with("Bearer ") || header->size() == 7) return std::nullopt;
  return header->substr(7);
}

Result<void> Service::start(World& world) {
  world_ = &world;
  for (const auto& file : files_of_folder_) {
    if (file.name != "prices.json") continue;
    WEIR_TRY(prices_, PriceTable::parse(file.bytes));
  }
  WEIR_TRY(embeddings_, EmbeddingTable::find_in(files_of_folder_));
  chat_ = std::make_unique<Chat>(world, prices_, traits_);
  started();
  return {};
}

Operation Service::operation(const Call& call) const {
  if (call.path == traits_.chat_path) return {"chat", "sync"};
  if (is_embedding(call)) return {"embeddings", "sync"};
  if (is_responses(call.path)) return {"responses", "sync"};
  if (call.path.starts_with(traits_.models_path)) return {"models", ""};
  return operation_more(call);
}

Operation Service::operation_more(const Call& /*call*/) const { return {"other", ""}; }

Reply Service::handle(Call& call) {
  const Method method = call.request.method;
  if (call.path == traits_.chat_path && method == Method::kPost) return chat(call);
  if (is_embedding(call) && method == Method::kPost) return embed(call);
  if (is_responses(call.path) && method == Method::kPost) return responses(call);
  if (method == Method::kGet && call.path == traits_.models_path) return models();
  if (method == Method::kGet && call.path.starts_with(traits_.models_path) &&
      call.path.size() > traits_.models_path.size() + 1)
    return model(call.path.substr(traits_.models_path.size() + 1));
  return handle_more(call);
}

Reply Service::handle_more(Call& call) { return not_a_path(call); }

Reply Service::not_a_path(const Call& call) const {
  return error_reply(
      traits_, {.status = 404,
                .message = "Invalid URL (" + std::string(http::to_string(call.request.method)) +
                           " " + std::string(call.path) + ")"});
}

Reply Service::error(const Call& /*call*/, int status, std::string_view message) const {
  return error_reply(traits_, usual_error(traits_, status, message));
}

Reply Service::chat(Call& call) {
  const auto body = parser_.parse(call.request.body);
  if (!body)
    return error_reply(traits_, {.message = "We could not parse the JSON body of your request."});
  const auto request = read_chat(traits_, prices_, *body);
  if (!request) return error_reply(traits_, request.error());
  return answer(call, *request);
}

Reply Service::responses(Call& call) {
  const auto body = parser_.parse(call.request.body);
  if (!body)
    return error_reply(traits_, {.message = "We could not parse the JSON body of your request."});
  const auto request = read_responses(traits_, prices_, *body);
  if (!request) return error_reply(traits_, request.error());
  return answer(call, *request);
}

Reply Service::answer(Call& call, const ChatRequest& request) {
  const auto answer = chat_->complete(
      request, {.account = call.account,
                .start = call.now,
                .number = call.sequence,
                .affinity = traits_.cache_affinity.empty()
                                ? std::string_view()
                                : call.request.headers.find(traits_.cache_affinity).value_or("")});
  if (!answer) return error_reply(traits_, answer.error());
  const std::size_t bill_row = world_->bill.add({.attempt_id = call.attempt_id,
                                                 .account = call.account,
                                                 .provider = traits_.provider,
                                                 .model = answer->row->model,
                                                 .at = call.now,
                                                 .tokens = answer->tokens,
                                                 .pico_usd = answer->pico_usd});
  Reply reply;
  const bool completion = request.echo.empty();
  if (request.stream) {
    reply.head.status = 200;
    reply.head.headers = {{"content-type", "text/event-stream; charset=utf-8"},
                          {"cache-control", "no-cache"}};
    reply.body = completion ? completion_stream(traits_, *answer, request.include_usage)
                            : response_stream(traits_, *answer);
    reply.delay = answer->latency.first_byte;
  } else {
    reply = json_reply(
        200, completion ? completion_body(traits_, *answer) : response_body(traits_, *answer));
    reply.delay = answer->latency.first_byte + answer->latency.rest;
  }
  call.deliveries.push_back({reply.size(), bill_row});
  return reply;
}

// Vectors take a fraction of the time of an answer, whatever their texts are.
Reply Service::embed(Call& call) {
  const auto body = parser_.parse(call.request.body);
  if (!body)
    return error_reply(traits_, {.message = "We could not parse the JSON body of your request."});
  const auto asked = read_embedding(traits_, embeddings_, *body);
  if (!asked) return error_reply(traits_, asked.error());
  const auto prefix = traits_.embedding.id;
  Reply reply = json_reply(
      200, embedding_body(*asked, prefix.empty()
                                      ? std::string()
                                      : make_id(prefix, world_->options.seed, call.sequence)));
  deliver_embedding(*world_, call, traits_.provider, *asked->row, asked->tokens, reply);
  return reply;
}

std::string Service::model_json(std::string_view id) const {
  json::Writer out;
  out.begin_object().field("id", id).field("object", "model");
  out.field("created", unix_seconds(world_->options.epoch - std::chrono::hours(24 * 90)));
  out.field("owned_by", traits_.owned_by).end_object();
  return out.take();
}

Reply Service::models() const {
  json::Writer out;
  out.begin_object().field("object", "list").key("data").begin_array();
  for (const auto& row : prices_.rows()) out.raw(model_json(row.model));
  for (const auto& row : embeddings_.rows()) out.raw(model_json(row.model));
  out.end_array().end_object();
  return json_reply(200, out.take());
}

Reply Service::model(std::string_view id) const {
  if (embeddings_.find(id) != nullptr) return json_reply(200, model_json(id));
  const auto row = find_model(prices_, id);
  return row ? json_reply(200, model_json((*row)->model)) : error_reply(traits_, row.error());
}

void Service::add_headers(const Call& call, const RateState& rate, http::Headers& headers) const {
  headers.set("x-request-id", call.request_id);
  if (rate.limit > 0 &&
      (call.path == traits_.chat_path || is_embedding(call) || is_responses(call.path)))
    add_rate_headers(rate, headers);
}

void add_rate_headers(const RateState& rate, http::Headers& headers) {
  headers.set("x-ratelimit-limit-requests", std::to_string(rate.limit));
  headers.set("x-ratelimit-remaining-requests",
              std::to_string(std::max<std::int64_t>(rate.remaining, 0)));
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(rate.reset).count();
  const std::string reset =
      ms < 1000 ? std::to_string(ms) + "ms" : std::to_string((ms + 999) / 1000) + "s";
  headers.set("x-ratelimit-reset-requests", reset);
}

}  // namespace weir::sim::openai_shape
