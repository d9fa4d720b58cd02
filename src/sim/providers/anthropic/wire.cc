#include "sim/providers/anthropic/wire.h"

#include <array>
#include <utility>

#include "base/ids.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"

namespace weir::sim::anthropic {
namespace {

struct KnownError {
  int status;
  std::string_view type, message;
};
constexpr std::array<KnownError, 11> kErrors{{
    {400, "invalid_request_error", "The request is not valid."},
    {401, "authentication_error", "invalid x-api-key"},
    {402, "billing_error", "There is a problem with your billing or payment information."},
    {403, "permission_error",
     "Your API key does not have permission to use the specified resource."},
    {404, "not_found_error", "Not found"},
    {409, "conflict_error", "The request conflicts with the state of the resource."},
    {413, "request_too_large", "Request exceeds the maximum allowed number of bytes."},
    {429, "rate_limit_error",
     "This request would exceed your account's rate limit. Please try again later."},
    {500, "api_error", "Internal server error"},
    {504, "timeout_error", "The request timed out while processing."},
    {529, "overloaded_error", "Overloaded"},
}};

int digits(std::string_view text, std::size_t& at) {
  int value = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9')
    value = value * 10 + (text[at++] - '0');
  return value;
}

// "claude-opus-4-7" -> 407, "claude-sonnet-5" -> 500, "claude-haiku-4-5-20251001" -> 405.
int generation(std::string_view model) {
  std::size_t at = model.find_first_of("0123456789");
  if (at == std::string_view::npos) return 0;
  const int major = digits(model, at);
  int minor = 0;
  if (at + 1 < model.size() && model[at] == '-') {
    ++at;
    const std::size_t from = at;
    minor = digits(model, at);
    if (at - from > 2) minor = 0;  // a date
  }
  return major * 100 + minor;
}

}  // namespace

std::string error_body(const ApiError& error, std::string_view request_id) {
  json::Writer out;
  out.begin_object().field("type", "error").key("error").begin_object();
  out.field("type", error.type).field("message", error.message).end_object().key("request_id");
  if (request_id.empty()) out.null();
  else out.string(request_id);
  return out.end_object().take();
}

Reply error_reply(const ApiError& error, std::string_view request_id) {
  return json_reply(error.status, error_body(error, request_id));
}

ApiError usual_error(int status, std::string_view message) {
  const KnownError* found = &kErrors[8];
  for (const auto& known : kErrors)
    if (known.status == status) found = &known;
  return {.status = status,
          .type = std::string(found->type),
          .message = std::string(message.empty() ? found->message : message)};
}

ApiError typed_error(std::string_view type) {
  for (const auto& known : kErrors)
    if (known.type == type) return usual_error(known.status, "");
  return usual_error(500, "");
}

Checked<Version> version_of(const http::Headers& headers) {
  const auto version = headers.find("anthropic-version");
  if (!version) return refuse("anthropic-version: header is required");
  if (*version == "2023-06-01") return Version::k20230601;
  if (*version == "2026-10-21") return Version::k20261021;
  return refuse("anthropic-version: \"" + std::string(*version) + "\" is not a valid version");
}

std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number) {
  auto random = draw(seed, prefix, number);
  std::string out = std::string(prefix) + "01";
  const std::size_t size = out.size() + 22;
  while (out.size() < size) out += base36(random.next());
  out.resize(size);
  return out;
}

ModelRules rules_of(std::string_view model) {
  const int version = generation(model);
  const bool opus = model.find("opus") != std::string_view::npos;
  const bool top = model.find("fable") != std::string_view::npos ||
                   model.find("mythos") != std::string_view::npos;
  return {.sampling = version < 407,
          .prefill = version < 406,
          .system_messages = (opus && version >= 408) || (top && version >= 500)};
}

}  // namespace weir::sim::anthropic
