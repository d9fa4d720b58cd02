#include "provider/openai_adapter.h"

#include <fmt/format.h>

#include "http/url.h"
#include "provider/openai_responses_dialect.h"

namespace weir::provider {

Result<RawBlocks> OpenAIAdapter::raw_blocks(const llm::RawBody& raw) const {
  if (raw.dialect == llm::Dialect::kOpenAIResponses && options_.chat.responses)
    return openai_responses::raw_blocks(options_.chat, raw);
  return openai_chat::raw_blocks(options_.chat, raw);
}

const Adapter& OpenAIAdapter::chosen_by(const Settings& settings) const {
  return responses_ != nullptr && settings.find("api") == "responses" ? *responses_ : *this;
}

bool OpenAIAdapter::is_for_responses(const llm::Request& request) const {
  if (!request.raw) return options_.responses;
  return options_.chat.responses && request.raw->dialect == llm::Dialect::kOpenAIResponses;
}

Result<std::vector<llm::ToolCall>> OpenAIAdapter::tool_calls(const llm::Response& response) const {
  if (options_.chat.responses && openai_responses::are_calls(response.tool_calls_json))
    return openai_responses::decode_tool_calls(options_.chat, response.tool_calls_json);
  return openai_chat::decode_tool_calls(options_.chat, response.tool_calls_json);
}

Result<openai_chat::Options> OpenAIAdapter::chat_for(const llm::Request& /*request*/) const {
  return options_.chat;
}

Result<http::RequestPlan> OpenAIAdapter::encode_sync(const llm::Request& request,
                                                     const SyncCall& call) const {
  WEIR_TRY(const auto chat, chat_for(request));
  const bool responses = is_for_responses(request);
  WEIR_TRY(auto body, responses ? openai_responses::encode_body(chat, request, llm::Route::kSync)
                                : openai_chat::encode_body(chat, request, llm::Route::kSync));
  http::RequestPlan plan{.method = http::Method::kPost,
                         .target = http::join_path(call.credentials.base_path,
                                                   responses ? "/responses" : "/chat/completions"),
                         .headers = openai_chat::request_headers(chat, call.credentials, true),
                         .body = {}};
  plan.headers.add("x-client-request-id", std::string(call.attempt_id));
  plan.body.emplace_back(std::move(body));
  return plan;
}

Result<llm::Response> OpenAIAdapter::decode_sync(const http::Response& response, Time now) const {
  if (options_.chat.responses && response.status >= 200 && response.status <= 299) {
    json::Parser parser;
    const auto body = parser.parse(response.body);
    if (body && openai_responses::is_response(*body))
      return openai_responses::decode_response(options_.chat, *body);
  }
  return openai_chat::decode_answer(options_.chat, response, now);
}

std::unique_ptr<StreamDecoder> OpenAIAdapter::stream_decoder() const {
  return options_.chat.responses ? openai_responses::either_stream_decoder(options_.chat)
                                 : openai_chat::stream_decoder(options_.chat);
}

RateLimits OpenAIAdapter::rate_limits(const http::Headers& headers, Time now) const {
  return {.requests = rate_window(headers, "x-ratelimit-*-requests", now),
          .tokens = rate_window(headers, "x-ratelimit-*-tokens", now)};
}

http::RequestPlan OpenAIAdapter::get(const Credentials& credentials, std::string_view path) const {
  return {.method = http::Method::kGet,
          .target = http::join_path(credentials.base_path, path),
          .headers = openai_chat::request_headers(options_.chat, credentials, false),
          .body = {}};
}

http::RequestPlan OpenAIAdapter::encode_probe(const Credentials& credentials,
                                              std::string_view model) const {
  return get(credentials, fmt::format("/models/{}", http::percent_encode(model)));
}

ImageFormat OpenAIAdapter::image_format() const { return openai_batch::image_format(); }

Result<void> OpenAIAdapter::encode_item(std::string_view custom_id, const llm::Request& request,
                                        std::string& out) const {
  const bool other = is_for_responses(request) != options_.responses;
  if (other && options_.chat.responses)
    return fail(ErrorKind::kUnsupported,
                fmt::format("a ready-made body of the {} format in a batch of {}",
                            llm::to_string(request.raw->dialect), options_.endpoint),
                "a batch has one endpoint: put requests of the two into jobs of their own");
  auto chosen = options_;
  WEIR_TRY(chosen.chat, chat_for(request));
  return openai_batch::encode_item(chosen, custom_id, request, out);
}

Result<Step> OpenAIAdapter::next(std::string_view state, const BatchEvent& event,
                                 const BatchContext& context) const {
  return openai_batch::next(options_, state, event, context);
}

Result<Row> OpenAIAdapter::decode_row(std::string_view /*artefact*/, std::string_view line,
                                      Time now) const {
  return openai_batch::decode_row(options_, line, now);
}

openai_batch::Options with_responses(openai_batch::Options options) {
  options.responses = true;
  options.endpoint = "/v1/responses";
  return options;
}

}  // namespace weir::provider
