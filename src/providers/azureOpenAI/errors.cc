// Doc: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch for the codes of batches (checked 2026-11-23)
// Doc: https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter (checked 2026-11-23)
#include "providers/azureOpenAI/errors.h"

#include <array>

namespace weir::providers::azureOpenAI {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kKey =
    "check the key, or the Entra token, which lasts about an hour, and that it is of this resource";
constexpr std::string_view kDeployment =
    "the model's name must be that of a deployment in this resource";
constexpr std::string_view kFilter = "the deployment's content filter refuses this content";
constexpr std::string_view kFile =
    "this is how the input was built, not what it asks: report it as a bug";

constexpr std::array kRules{
    // Rates. A code may be the status in digits.
    Rule{0, "insufficient_quota", kInvalid, "raise the quota of this resource in Azure's portal"},
    Rule{429, "", ErrorKind::kRateLimited,
         "lower the concurrency, or raise the deployment's quota"},
    Rule{0, "429", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "RateLimitReached", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "rate_limit_exceeded", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{0, "token_limit_exceeded", ErrorKind::kRateLimited,
         "the model's queued batch tokens are used up: wait for other batches to end"},
    Rule{0, "server_error", ErrorKind::kUnavailable, ""},
    Rule{0, "InternalServerError", ErrorKind::kUnavailable, ""},
    Rule{0, "ServiceUnavailable", ErrorKind::kUnavailable, ""},
    // Keys and access.
    Rule{401, "", ErrorKind::kUnauthenticated, kKey},
    Rule{403, "", ErrorKind::kUnauthenticated,
         "check the role of the caller, and the network rules of the resource"},
    // The request.
    Rule{0, "DeploymentNotFound", ErrorKind::kNotFound, kDeployment},
    Rule{0, "model_not_found", ErrorKind::kNotFound, kDeployment},
    Rule{404, "", ErrorKind::kNotFound, "check the endpoint: https://RESOURCE.openai.azure.com"},
    Rule{0, "OperationNotSupported", kInvalid,
         "batches need a deployment of kind Global Batch or Data Zone Batch, the sync route one of "
         "another kind"},
    Rule{0, "content_filter", kInvalid, kFilter},
    Rule{0, "ResponsibleAIPolicyViolation", kInvalid, kFilter},
    Rule{0, "context_length_exceeded", kInvalid,
         "shorten the document, or use a model with a larger context"},
    Rule{0, "string_above_max_length", kInvalid, "shorten the document"},
    Rule{0, "unsupported_parameter", kInvalid,
         "this model does not take that parameter: leave it out"},
    Rule{0, "unsupported_value", kInvalid, "this model does not take that value: leave it out"},
    Rule{0, "invalid_json_schema", kInvalid,
         "strict schemas need additionalProperties false and every property required"},
    Rule{413, "", kInvalid, "the request is too large: shorten the document"},
    // Whole-batch validation.
    Rule{0, "model_mismatch", kInvalid, "a batch takes one model: split the requests by model"},
    Rule{0, "too_many_tasks", kInvalid, "lower the number of requests in a batch"},
    Rule{0, "invalid_json_line", kInvalid, kFile},
    Rule{0, "duplicate_custom_id", kInvalid, kFile},
    Rule{0, "url_mismatch", kInvalid, kFile},
    Rule{0, "empty_file", kInvalid, kFile},
    Rule{0, "empty_batch", kInvalid, kFile},
    Rule{0, "input_modified", kInvalid, "the input was changed behind the create"},
    Rule{0, "input_no_permissions", kInvalid, "the resource may not read the input"},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::azureOpenAI
