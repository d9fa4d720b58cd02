// Docs: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors (checked 2026-11-23),
// https://cloud.google.com/storage/docs/json_api/v1/status-codes (checked 2026-11-27), reasons:
// https://cloud.google.com/apis/docs/error-infos (checked 2026-11-28)
#include "providers/vertexAI/errors.h"

#include <array>

namespace weir::providers::vertexAI {
namespace {

using Rule = provider::gemini::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;
constexpr auto kKeyless = ErrorKind::kUnauthenticated;

constexpr std::string_view kToken =
    "access tokens live for an hour: take a new one (gcloud auth print-access-token), or give a "
    "service account's key, from which tokens are made";
constexpr std::string_view kRole =
    "give the account the role Vertex AI User on the project, and for batches Storage Object User "
    "on the bucket";
constexpr std::string_view kService = "enable the Vertex AI API (aiplatform.googleapis.com)";

constexpr std::array kRules{
    // The token and what it may do.
    Rule{0, "ACCESS_TOKEN_EXPIRED", "", kKeyless, kToken},
    Rule{0, "SERVICE_DISABLED", "", kKeyless, kService},
    Rule{0, "BILLING_DISABLED", "", kKeyless, "enable billing for the project"},
    Rule{0, "CONSUMER_INVALID", "", kKeyless, "check the setting project"},
    Rule{403, "", "requires billing to be enabled", kKeyless, "enable billing for the project"},
    Rule{0, "PERMISSION_DENIED", "", kKeyless, kRole},
    Rule{0, "UNAUTHENTICATED", "", kKeyless, kToken},
    Rule{401, "", "", kKeyless, kToken},
    Rule{403, "", "", kKeyless, kRole},
    // Capacity that is shared by all customers; there is no quota to raise.
    Rule{0, "RESOURCE_EXHAUSTED", "", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{429, "", "", ErrorKind::kRateLimited, "lower the concurrency"},
    // The server's.
    Rule{499, "", "", ErrorKind::kUnavailable, ""},
    Rule{504, "", "", ErrorKind::kUnavailable, "shorten the document, or try again"},
    Rule{0, "UNAVAILABLE", "", ErrorKind::kUnavailable, ""},
    Rule{0, "INTERNAL", "", ErrorKind::kUnavailable, ""},
    // The request.
    Rule{404, "", "bucket does not exist", ErrorKind::kNotFound, "check the setting bucket"},
    Rule{404, "", "Publisher Model", ErrorKind::kNotFound,
         "check the model's name, and that the setting location has it: newer models are only at "
         "the location global"},
    Rule{400, "", "exceeds the maximum number of tokens", kInvalid,
         "shorten the document, or use a model with a larger context"},
    Rule{413, "", "", kInvalid, "the request is too large: shorten the document"},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::vertexAI
