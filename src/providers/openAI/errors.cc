// Doc: https://developers.openai.com/api/docs/guides/error-codes (checked 2026-11-23)
// Doc: https://developers.openai.com/api/docs/guides/batch for the codes of batches (checked
// 2026-11-23)
#include "providers/openAI/errors.h"

#include <array>

namespace weir::providers::openAI {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kNoMoney =
    "add credits or raise the spend limit in OpenAI's billing settings; trying again does not help";
constexpr std::string_view kKey = "check the key of this account, and its project and permissions";
constexpr std::string_view kFile =
    "this is how the input was built, not what it asks: report it as a bug";

constexpr std::array kRules{
    // Billing comes as 429 too, but no wait helps. The type may be insufficient_quota with one of
    // the newer codes.
    Rule{0, "insufficient_quota", kInvalid, kNoMoney},
    Rule{0, "credit_balance_exhausted", kInvalid, kNoMoney},
    Rule{0, "organization_spend_limit_exceeded", kInvalid, kNoMoney},
    Rule{0, "project_spend_limit_exceeded", kInvalid, kNoMoney},
    Rule{0, "organization_usage_limit_exceeded", kInvalid, kNoMoney},
    Rule{0, "billing_hard_limit_reached", kInvalid, kNoMoney},
    Rule{0, "billing_not_active", kInvalid, kNoMoney},
    // Rates.
    Rule{429, "rate_limit_exceeded", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{429, "slow_down", ErrorKind::kRateLimited, "raise the load more slowly"},
    Rule{503, "slow_down", ErrorKind::kRateLimited, "raise the load more slowly"},
    Rule{0, "token_limit_exceeded", ErrorKind::kRateLimited,
         "the model's queued batch tokens are used up: wait for other batches to end"},
    Rule{0, "server_is_overloaded", ErrorKind::kUnavailable, ""},
    Rule{0, "server_error", ErrorKind::kUnavailable, ""},
    // Keys and access.
    Rule{401, "", ErrorKind::kUnauthenticated, kKey},
    Rule{0, "invalid_api_key", ErrorKind::kUnauthenticated, kKey},
    Rule{403, "unsupported_country_region_territory", ErrorKind::kUnauthenticated,
         "OpenAI does not serve the place that this machine's address is in"},
    Rule{403, "", ErrorKind::kUnauthenticated, kKey},
    // The request.
    Rule{0, "model_not_found", ErrorKind::kNotFound,
         "check the model's name, and that the key's project may use it"},
    Rule{0, "context_length_exceeded", kInvalid,
         "shorten the document, or use a model with a larger context"},
    Rule{0, "string_above_max_length", kInvalid, "shorten the document"},
    Rule{0, "unsupported_parameter", kInvalid,
         "this model does not take that parameter: leave it out"},
    Rule{0, "unsupported_value", kInvalid, "this model does not take that value: leave it out"},
    Rule{0, "invalid_json_schema", kInvalid,
         "strict schemas need additionalProperties false and every property required"},
    Rule{0, "content_policy_violation", kInvalid, "OpenAI refuses this content"},
    Rule{0, "invalid_prompt", kInvalid, "OpenAI refuses this content"},
    Rule{413, "", kInvalid, "the request is too large: shorten the document"},
    // Whole-batch validation.
    Rule{0, "mismatched_model", kInvalid, "a batch takes one model: split the requests by model"},
    Rule{0, "model_mismatch", kInvalid, "a batch takes one model: split the requests by model"},
    Rule{0, "streaming_unsupported", kInvalid, "remove `stream` from the requests"},
    Rule{0, "too_many_tasks", kInvalid, "lower the number of requests in a batch"},
    Rule{0, "invalid_json_line", kInvalid, kFile},
    Rule{0, "duplicate_custom_id", kInvalid, kFile},
    Rule{0, "missing_required_parameter", kInvalid, ""},
    Rule{0, "invalid_url", kInvalid, kFile},
    Rule{0, "url_mismatch", kInvalid, kFile},
    Rule{0, "empty_file", kInvalid, kFile},
    Rule{0, "invalid_request", kInvalid, ""},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::openAI
