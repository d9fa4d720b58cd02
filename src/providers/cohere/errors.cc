#include "providers/cohere/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/write.h"

namespace weir::providers::cohere {
namespace {

namespace chat = provider::openai_chat;
using Rule = chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::array kRules{
    Rule{401, "", ErrorKind::kUnauthenticated, "check the key"},
    Rule{403, "", ErrorKind::kUnauthenticated, "check what the key may do"},
    Rule{402, "", kInvalid, "the account has reached its billing limit: see its billing"},
    Rule{404, "", ErrorKind::kNotFound,
         "check the name of the model, and that the account may use it"},
    Rule{422, "", kInvalid, ""},
    Rule{498, "", kInvalid, "the request or its answer has a text that the provider blocks"},
    Rule{499, "", ErrorKind::kUnavailable, ""},
    Rule{501, "", kInvalid, "the provider does not have this"},
};

// A trial key has so many calls a month; what is waited out is the limit of a minute.
constexpr Rule kMonth{429, "", kInvalid,
                      "the month's calls of a trial key are used up: use a production key"};
// Of rows and of whole batches, whose errors have no status.
constexpr Rule kRefused{0, "", kInvalid, ""};
constexpr Rule kLimited{0, "", ErrorKind::kRateLimited, ""};

std::string lower(std::string_view text) {
  std::string out(text.substr(0, 2000));
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

const Rule* rule_by_words(int status, std::string_view words) {
  const auto said = lower(words);
  const auto says = [&](std::string_view word) { return said.contains(word); };
  if (status == 429) return says("/ month") || says("per month") ? &kMonth : nullptr;
  if (status != 0) return nullptr;
  if (says("invalid request") || says("too many tokens") || says("bad request")) return &kRefused;
  if (says("rate limit") || says("too many requests")) return &kLimited;
  return nullptr;
}

}  // namespace

const chat::Options& error_options() {
  static constexpr chat::Options kOptions{
      .provider = "cohere", .errors = kRules, .rule_by_words = rule_by_words};
  return kOptions;
}

Error decode_error(const http::Response& response, Time now) {
  auto error = chat::decode_error(error_options(), response, now);
  if (!error.request_id.empty()) return error;
  json::Parser parser;
  if (const auto trace = response.headers.find("x-debug-trace-id"))
    error.request_id = chat::presentable(*trace);
  else if (const auto body = parser.parse(response.body); body)
    error.request_id = chat::presentable((*body)["id"].string().value_or(std::string_view()));
  return error;
}

Error error_of_words(std::string_view words) {
  json::Writer told;
  told.begin_object().field("message", words).end_object();
  json::Parser parser;
  return chat::decode_error_object(error_options(), 0,
                                   parser.parse(told.text()).value_or(json::Value()));
}

std::unexpected<Error> bad(std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("cohere: {}", what),
                               .hint = "if it happens again, report it to the provider",
                               .provider = "cohere"});
}

}  // namespace weir::providers::cohere
