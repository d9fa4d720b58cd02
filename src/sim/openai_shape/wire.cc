#include "sim/openai_shape/wire.h"

#include "base/ids.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"

namespace weir::sim::openai_shape {

std::string error_body(const Traits& traits, const ApiError& error) {
  if (traits.error_body != nullptr) return traits.error_body(error);
  json::Writer out;
  const auto optional = [&](std::string_view key, const std::string& text) {
    out.key(key);
    if (text.empty()) out.null();
    else out.string(text);
  };
  out.begin_object().key("error").begin_object();
  out.field("message", error.message).field("type", error.type);
  optional("param", error.param);
  optional("code", error.code);
  out.end_object().end_object();
  return out.take();
}

Reply error_reply(const Traits& traits, const ApiError& error) {
  return json_reply(error.status, error_body(traits, error));
}

ApiError usual_error(const Traits& traits, int status, std::string_view message) {
  if (traits.usual_error != nullptr) return traits.usual_error(status, message);
  const auto make = [&](std::string_view usual, std::string type, std::string code) {
    return ApiError{.status = status,
                    .message = std::string(message.empty() ? usual : message),
                    .type = std::move(type),
                    .code = std::move(code)};
  };
  switch (status) {
    case 400: return make("The request is not valid.", "invalid_request_error", "");
    case 401:
      return make("Incorrect API key provided.", "invalid_request_error", "invalid_api_key");
    case 403: return make("You are not allowed to do that.", "invalid_request_error", "");
    case 404: return make("Not found.", "invalid_request_error", "");
    case 409: return make("Conflict, try again.", "invalid_request_error", "");
    case 413: return make("The request is too large.", "invalid_request_error", "");
    case 429: {
      // The one 429 that must not be tried again is asked for by its code.
      if (message == "insufficient_quota") {
        return {.status = 429,
                .message = "You exceeded your current quota.",
                .type = "insufficient_quota",
                .code = "insufficient_quota"};
      }
      return make("Rate limit reached.", "requests", "rate_limit_exceeded");
    }
    case 529:
    case 503: {
      ApiError error = make("The server is currently overloaded.", "server_error", "");
      error.status = 503;  // this provider knows no 529
      return error;
    }
    default:
      return make("The server had an error while processing your request.", "server_error", "");
  }
}

std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number,
                    std::uint64_t part) {
  auto random = draw(seed, prefix, number, part);
  std::string out(prefix);
  const std::size_t size = prefix.size() + 24;
  while (out.size() < size) out += base36(random.next());
  out.resize(size);
  return out;
}

}  // namespace weir::sim::openai_shape
