#include "sim/gemini_shape/service.h"

#include "http/sse.h"
#include "http/url.h"
#include "sim/draw.h"
#include "sim/json_reply.h"

namespace weir::sim::gemini_shape {
namespace {

// With alt=sse events, else one JSON array that grows.
Reply stream_reply(const Content& content, bool events) {
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {
      {"content-type", events ? "text/event-stream" : "application/json; charset=UTF-8"}};
  reply.delay = content.latency.first_byte;
  reply.body = response_chunks(content);
  std::string_view before = "[";
  for (auto& piece : reply.body) {
    piece.bytes = events ? http::sse_text("", piece.bytes) : std::string(before) + piece.bytes;
    before = ",\r\n";
  }
  if (!events) reply.body.back().bytes += "]";
  return reply;
}

}  // namespace

std::optional<ModelMethod> split_method(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return ModelMethod{text.substr(0, colon), text.substr(colon + 1)};
}

Result<void> Service::start(World& world) {
  world_ = &world;
  for (const auto& file : files_of_folder_) {
    if (file.name != "prices.json") continue;
    WEIR_TRY(prices_, PriceTable::parse(file.bytes));
  }
  generator_ = std::make_unique<Generator>(world, prices_, traits_);
  contents_ = std::make_unique<CachedContents>(world, *generator_, traits_);
  started();
  return {};
}

Reply Service::error(const Call& /*call*/, int status, std::string_view message) const {
  return error_reply(usual_error(status, message));
}

Reply Service::rate_limited(const Call& /*call*/, Duration wait) const {
  ApiError error = usual_error(429, "");
  error.retry_after = wait;
  return error_reply(error);
}

Reply Service::generate(Call& call, std::string_view model, bool stream) {
  const auto row = generator_->find_model(
      model, stream ? "streamGenerateContent" : "generateContent", version_of(call.request.target));
  if (!row) return error_reply(row.error());
  const auto body = parser_.parse(call.request.body);
  if (!body) return error_reply({.message = "Invalid JSON payload received.", .word = {}});
  json::Value cached;
  if (const auto named = member(*body, "cachedContent"); !named.is_null()) {
    const auto found = contents_->find(call.account, named.string().value_or(""), model);
    if (!found) return error_reply(found.error());
    cached = (*found)->body;
  }
  const auto request = read_generate(**row, model, *body, cached);
  if (!request) return error_reply(request.error());
  const auto& options = world_->options;
  const bool hits =
      draw(options.seed, "implicit", call.sequence).unit() < options.implicit_hit_rate;
  const auto content = generator_->generate(*request, {.account = call.account,
                                                       .start = call.now,
                                                       .priced_at = call.now,
                                                       .number = call.sequence,
                                                       .may_read_cache = hits});
  if (!content) return error_reply(content.error());
  const std::size_t bill_row = world_->bill.add({.attempt_id = call.attempt_id,
                                                 .account = call.account,
                                                 .provider = traits_.provider,
                                                 .model = content->row->model,
                                                 .at = call.now,
                                                 .tokens = content->tokens,
                                                 .pico_usd = content->pico_usd});
  Reply reply;
  if (stream) {
    reply = stream_reply(*content, http::query_value(call.request.target, "alt") == "sse");
  } else {
    reply = json_reply(200, response_body(*content));
    reply.delay = content->latency.first_byte + content->latency.rest;
  }
  call.deliveries.push_back({reply.size(), bill_row});
  return reply;
}

Operation Service::contents_operation(const Call& call, std::string_view id) {
  using http::Method;
  if (id.empty())
    return {call.request.method == Method::kPost ? "content_create" : "content_list", ""};
  if (call.request.method == Method::kPatch) return {"content_update", ""};
  return {call.request.method == Method::kDelete ? "content_delete" : "content_get", ""};
}

Reply Service::contents(Call& call, std::string_view parent, std::string_view id) {
  using http::Method;
  const Method method = call.request.method;
  if (id.empty() && method == Method::kPost) return contents_->create(call, parent);
  if (id.empty() && method == Method::kGet) return contents_->list(call);
  if (id.empty()) return error_reply(usual_error(404, ""));
  if (method == Method::kGet) return contents_->get(call, id);
  if (method == Method::kPatch) return contents_->update(call, id);
  if (method == Method::kDelete) return contents_->remove(call, id);
  return error_reply(usual_error(404, ""));
}

// Doc: https://ai.google.dev/api/tokens (checked 2026-11-23, reference snapshot)
Reply Service::count(const Call& call, std::string_view model) {
  const auto row = generator_->find_model(model, "countTokens", version_of(call.request.target));
  if (!row) return error_reply(row.error());
  const auto body = parser_.parse(call.request.body);
  if (!body) return error_reply({.message = "Invalid JSON payload received.", .word = {}});
  const auto wrapped = member(*body, "generateContentRequest");
  const auto request = read_generate(**row, model, wrapped.is_object() ? wrapped : *body);
  if (!request) return error_reply(request.error());
  json::Writer out;
  out.begin_object().field("totalTokens", generator_->count(*request)).end_object();
  return json_reply(200, out.take());
}

}  // namespace weir::sim::gemini_shape
