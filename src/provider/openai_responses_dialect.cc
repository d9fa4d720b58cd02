// Encoding. Key order is fixed and part of the contract, as in chat completions.
#include "provider/openai_responses_dialect.h"

#include <fmt/format.h>

#include "json/write.h"
#include "provider/openai_chat_dialect_write.h"
#include "provider/openai_responses_dialect_write.h"

namespace weir::provider::openai_responses {
namespace {

Result<void> check_stream(json::Value body, const llm::Request& request, llm::Route route) {
  const bool streams = body["stream"].boolean().value_or(false);
  if (route == llm::Route::kBatch && streams)
    return fail(ErrorKind::kInvalidArgument, "a batch request cannot have \"stream\": true",
                "remove `stream`, or use the sync route");
  if (route == llm::Route::kSync && streams != request.stream)
    return fail(ErrorKind::kInvalidArgument,
                streams ? "the ready-made body streams, but its answer is awaited whole"
                        : "the ready-made body does not stream, but its answer is awaited as one",
                streams ? "remove `stream`" : "set \"stream\": true");
  return {};
}

Result<std::string> encode_raw(const Options& options, const llm::Request& request,
                               llm::Route route) {
  const auto& raw = *request.raw;
  WEIR_CHECK(openai_responses::check_dialect(options, raw));
  json::Parser parser;
  WEIR_TRY(const auto body, parser.parse(raw.bytes));
  if (!body.is_object())
    return fail(ErrorKind::kInvalidArgument, "the ready-made request body is not a JSON object");
  WEIR_CHECK(json::check_unique_keys(body));
  WEIR_CHECK(check_stream(body, request, route));
  // It would be answered at once with "queued": what it becomes and costs is told later, to who asks again.
  if (body["background"].boolean().value_or(false))
    return fail(
        ErrorKind::kUnsupported,
        fmt::format("a response in the background of {} is not waited for", options.provider),
        "remove `background`: a batch is the way to wait");
  std::vector<json::Edit> edits;
  if (body["model"].string() != std::string_view(request.model)) {
    std::string model;
    json::append_string(model, request.model);
    auto edit = json::set_member(raw.bytes, {}, "model", model);
    WEIR_ASSERT(edit.has_value());  // it was parsed as an object above
    edits.push_back(*std::move(edit));
  }
  WEIR_CHECK(openai_responses::append_cache_edits(options, raw, request.cache, edits));
  WEIR_TRY(const std::string out, json::apply(raw.bytes, std::move(edits)));
  return route == llm::Route::kBatch ? openai_chat::one_line(out) : out;
}

}  // namespace

// {"model":"…","tools":[…],"tool_choice":"…","instructions":"…","input":[…],"max_output_tokens":9,"temperature":0,"top_p":1,
//  "text":{…},"prompt_cache_key":"…","prompt_cache_options":{"mode":"explicit","ttl":"30m"},"store":false,"stream":true}
Result<std::string> encode_body(const Options& options, const llm::Request& request,
                                llm::Route route) {
  if (request.model.empty()) return fail(ErrorKind::kInvalidArgument, "the request names no model");
  if (request.raw) return encode_raw(options, request, route);
  WEIR_CHECK(openai_responses::check_request(options, request));
  json::Writer out;
  out.begin_object().field("model", request.model);
  openai_responses::write_tools(out, request);
  openai_responses::write_input(out, request);
  if (request.output_max) out.field("max_output_tokens", request.output_max->count);
  if (request.temperature) out.key("temperature").number(*request.temperature);
  if (request.top_p) out.key("top_p").number(*request.top_p);
  openai_responses::write_format(out, options, request);
  if (options.cache_key && !request.cache_key.empty())
    out.field("prompt_cache_key", request.cache_key);
  const auto cache_options = openai_chat::cache_options_json(request.cache);
  if (options.breakpoints && !cache_options.empty())
    out.key("prompt_cache_options").raw(cache_options);
  out.field("store", false);
  if (request.stream && route == llm::Route::kSync) out.field("stream", true);
  out.end_object();
  return out.take();
}

}  // namespace weir::provider::openai_responses
