#include "providers/mistral/errors.h"

#include <array>

namespace weir::providers::mistral {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kKey = "check the key, and that its workspace may use the model";
constexpr std::string_view kModel = "check the model's name, and that the workspace may use it";
constexpr std::string_view kTools =
    "the conversation's tool calls and results do not fit: each call needs its result, with its id";

constexpr std::array kRules{
    Rule{401, "", ErrorKind::kUnauthenticated, kKey},
    Rule{403, "", ErrorKind::kUnauthenticated, kKey},
    Rule{402, "", kInvalid, "add credits or raise the spend limit of the workspace"},
    Rule{0, "invalid_model", ErrorKind::kNotFound, kModel},
    Rule{0, "1500", ErrorKind::kNotFound, kModel},
    Rule{0, "rate_limited", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "1300", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "service_tier_capacity_exceeded", ErrorKind::kRateLimited, "try again later"},
    Rule{0, "3505", ErrorKind::kRateLimited, "try again later"},
    Rule{0, "invalid_request_file", kInvalid, "a file or picture of the request cannot be fetched"},
    Rule{0, "3310", kInvalid, "a file or picture of the request cannot be fetched"},
    Rule{0, "invalid_function_call", kInvalid, kTools},
    Rule{0, "3280", kInvalid, kTools},
    Rule{0, "invalid_request_error", kInvalid, ""},
    Rule{0, "invalid_request_prompt", kInvalid, "shorten the document"},
    Rule{413, "", kInvalid, "the request is too large: shorten the document"},
    Rule{422, "", kInvalid, ""},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::mistral
