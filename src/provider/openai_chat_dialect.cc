// Encoding. Key order is fixed and part of the contract: the same request must give the same bytes,
// or no prefix is ever found in a cache and no retry is the same request.
#include "provider/openai_chat_dialect.h"

#include <fmt/format.h>

#include "json/patch.h"
#include "json/scan.h"
#include "json/value.h"
#include "json/write.h"
#include "provider/openai_chat_dialect_write.h"

namespace weir::provider::openai_chat {
namespace {

void write_cache(json::Writer& out, const Options& options, const llm::Request& request) {
  if (options.cache_key && !request.cache_key.empty())
    out.field("prompt_cache_key", request.cache_key);
  const auto cache_options = cache_options_json(request.cache);
  if (options.breakpoints && !cache_options.empty())
    out.key("prompt_cache_options").raw(cache_options);
}

// Takes "model" out, with the comma that keeps it apart. Nothing where there is none.
std::optional<json::Edit> without_model(std::string_view body) {
  std::optional<json::Edit> out;
  json::for_each_member(body, {0, body.size()}, [&](std::string_view key, json::Span value) {
    if (out || !json::spells(key, "model")) return;
    auto begin = static_cast<std::size_t>(key.data() - body.data());
    auto end = value.offset + value.length;
    constexpr std::string_view kSpace = " \t\r\n";
    const auto next = body.find_first_not_of(kSpace, end);
    const auto last = body.find_last_not_of(kSpace, begin - 1);
    if (next != std::string_view::npos && body[next] == ',') end = next + 1;
    else if (last != std::string_view::npos && body[last] == ',') begin = last;
    out = json::Edit{.offset = begin, .length = end - begin, .replacement = {}};
  });
  return out;
}

Result<std::string> encode_raw(const Options& options, const llm::Request& request,
                               llm::Route route) {
  const auto& raw = *request.raw;
  WEIR_CHECK(check_dialect(options, raw));
  json::Parser parser;
  WEIR_TRY(const auto body, parser.parse(raw.bytes));
  if (!body.is_object())
    return fail(ErrorKind::kInvalidArgument, "the ready-made request body is not a JSON object");
  WEIR_CHECK(json::check_unique_keys(body));
  const bool streams = body["stream"].boolean().value_or(false);
  if (route == llm::Route::kBatch && streams)
    return fail(ErrorKind::kInvalidArgument, "a batch request cannot have \"stream\": true",
                "remove `stream`, or use the sync route");
  if (route == llm::Route::kSync && streams != request.stream)
    return fail(ErrorKind::kInvalidArgument,
                streams ? "the ready-made body streams, but its answer is awaited whole"
                        : "the ready-made body does not stream, but its answer is awaited as one",
                streams ? "remove `stream`" : "set \"stream\": true");
  std::vector<json::Edit> edits;
  if (route == llm::Route::kBatch && !options.batch_model) {
    if (auto edit = without_model(raw.bytes)) edits.push_back(*std::move(edit));
  } else if (body["model"].string() != std::string_view(request.model)) {
    std::string model;
    json::append_string(model, request.model);
    auto edit = json::set_member(raw.bytes, {}, "model", model);
    WEIR_ASSERT(edit.has_value());  // it was parsed as an object above
    edits.push_back(*std::move(edit));
  }
  WEIR_CHECK(append_cache_edits(options, raw, request.cache, edits));
  WEIR_TRY(const std::string out, json::apply(raw.bytes, std::move(edits)));
  return route == llm::Route::kBatch ? one_line(out) : out;
}

}  // namespace

// {"model":"…","tools":[…],"tool_choice":"…","messages":[…],"max_completion_tokens":9,
//  "temperature":0,"top_p":1,"seed":7,"stop":["…"],"response_format":{…},"prompt_cache_key":"…",
//  "prompt_cache_options":{"mode":"explicit","ttl":"30m"},"stream":true,
//  "stream_options":{"include_usage":true}}
Result<std::string> encode_body(const Options& options, const llm::Request& request,
                                llm::Route route) {
  if (request.model.empty()) return fail(ErrorKind::kInvalidArgument, "the request names no model");
  if (request.raw) return encode_raw(options, request, route);
  WEIR_CHECK(check_request(options, request));
  json::Writer out;
  out.begin_object();
  if (options.batch_model || route == llm::Route::kSync) out.field("model", request.model);
  write_tools(out, request);
  write_messages(out, options, request);
  if (request.output_max) out.field(options.output_max_key, request.output_max->count);
  if (request.temperature) out.key("temperature").number(*request.temperature);
  if (request.top_p) out.key("top_p").number(*request.top_p);
  if (request.seed) out.field(options.seed_key, *request.seed);
  if (!request.stop.empty()) {
    out.key("stop").begin_array();
    for (const auto& stop : request.stop) out.string(stop);
    out.end_array();
  }
  if (request.format) {
    out.key("response_format").begin_object().field("type", "json_schema");
    out.key("json_schema").begin_object().field("name", request.format->name);
    out.field("strict", options.strict_schema)
        .key("schema")
        .raw(one_line(request.format->schema_json));
    out.end_object().end_object();
  }
  write_cache(out, options, request);
  if (request.stream && route == llm::Route::kSync) {
    out.field("stream", true);
    // Without it a streamed answer tells no usage, and its cost could not be booked.
    if (options.stream_options)
      out.key("stream_options").begin_object().field("include_usage", true).end_object();
  }
  out.end_object();
  return out.take();
}

http::Headers bearer_headers(const Credentials& credentials, bool with_body) {
  http::Headers headers;
  if (!credentials.key.empty())
    headers.add("authorization", fmt::format("Bearer {}", credentials.key));
  if (const auto organization = credentials.settings.find("organizationId"))
    headers.add("openai-organization", std::string(*organization));
  if (with_body) headers.add("content-type", "application/json");
  return headers;
}

http::Headers request_headers(const Options& options, const Credentials& credentials,
                              bool with_body) {
  return options.headers == nullptr ? bearer_headers(credentials, with_body)
                                    : options.headers(credentials, with_body);
}

}  // namespace weir::provider::openai_chat
