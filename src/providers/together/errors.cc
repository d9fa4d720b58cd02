// Doc: https://docs.together.ai/docs/error-codes (checked 2026-11-23)
// Doc: https://docs.together.ai/docs/inference/batch/manage for the codes of rows (checked 2026-11-23)
#include "providers/together/errors.h"

#include <array>

namespace weir::providers::together {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kKey = "check the key of this account";
constexpr std::string_view kMoney = "add credits or raise the spend limit in Together's settings";

constexpr std::array kRules{
    // Rates and load.
    Rule{429, "", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "rate_limit_exceeded", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "rate_limit", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "service_unavailable", ErrorKind::kUnavailable, ""},
    Rule{0, "server_error", ErrorKind::kUnavailable, ""},
    // Keys and money.
    Rule{402, "", kInvalid, kMoney},
    Rule{0, "payment_required", kInvalid, kMoney},
    Rule{401, "", ErrorKind::kUnauthenticated, kKey},
    Rule{0, "invalid_api_key", ErrorKind::kUnauthenticated, kKey},
    Rule{403, "", kInvalid, "the model, or the size of the request, is not open to this account"},
    // The request.
    Rule{0, "model_not_found", ErrorKind::kNotFound, "check the model's name"},
    Rule{0, "model_not_available", ErrorKind::kNotFound,
         "this model has no serverless endpoint: check the model's name"},
    Rule{413, "", kInvalid, "the request is too large: shorten the document"},
    // Rows of a batch.
    Rule{0, "batch_client_error", kInvalid, ""},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::together
