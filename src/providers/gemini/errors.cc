// Doc: https://ai.google.dev/gemini-api/docs/troubleshooting (checked 2026-11-23); reasons of keys:
// https://cloud.google.com/apis/docs/error-infos (checked 2026-11-28)
#include "providers/gemini/errors.h"

#include <array>

namespace weir::providers::gemini {
namespace {

using Rule = provider::gemini::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;
constexpr auto kKeyless = ErrorKind::kUnauthenticated;

constexpr std::string_view kKey =
    "check the key of this account; keys are made in Google AI Studio";
constexpr std::string_view kService =
    "enable the Generative Language API for the key's project, and let the key use it";

constexpr std::array kRules{
    // Keys. A wrong one is answered 400.
    Rule{0, "API_KEY_INVALID", "", kKeyless, kKey},
    Rule{0, "API_KEY_EXPIRED", "", kKeyless, kKey},
    Rule{400, "", "API key not valid", kKeyless, kKey},
    Rule{400, "", "API key expired", kKeyless, kKey},
    Rule{0, "SERVICE_DISABLED", "", kKeyless, kService},
    Rule{0, "API_KEY_SERVICE_BLOCKED", "", kKeyless, kService},
    Rule{0, "UNAUTHENTICATED", "", kKeyless, kKey},
    Rule{401, "", "", kKeyless, kKey},
    // Files and cached contents of another project look like this too.
    Rule{0, "PERMISSION_DENIED", "may not exist", ErrorKind::kNotFound,
         "files live for 48 hours, and belong to the project of the key that made them"},
    Rule{0, "PERMISSION_DENIED", "CachedContent not found", ErrorKind::kNotFound,
         "cached contents end with their TTL, and belong to the project of the key that made them"},
    Rule{0, "PERMISSION_DENIED", "", kKeyless, kKey},
    Rule{400, "", "User location is not supported", kKeyless,
         "Google does not serve the place that this machine's address is in"},
    Rule{400, "FAILED_PRECONDITION", "billing", kKeyless,
         "enable billing for the key's project in Google AI Studio"},
    // Money comes as 429, but no wait helps.
    Rule{429, "", "prepayment credits are depleted", kInvalid,
         "add credits in Google AI Studio; trying again does not help"},
    Rule{429, "", "limit: 0", kInvalid,
         "this project's plan has no quota for the model: enable billing, or take another model"},
    Rule{0, "RESOURCE_EXHAUSTED", "", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{429, "", "", ErrorKind::kRateLimited, "lower the concurrency"},
    // The server's.
    Rule{499, "", "", ErrorKind::kUnavailable, ""},
    Rule{504, "", "", ErrorKind::kUnavailable, "shorten the document, or try again"},
    Rule{0, "UNAVAILABLE", "", ErrorKind::kUnavailable, ""},
    Rule{0, "INTERNAL", "", ErrorKind::kUnavailable, ""},
    // The request.
    Rule{404, "", "is not found for API version", ErrorKind::kNotFound,
         "check the model's name, and that it can do what is asked"},
    Rule{400, "", "exceeds the maximum number of tokens", kInvalid,
         "shorten the document, or use a model with a larger context"},
    Rule{413, "", "", kInvalid, "the request is too large: shorten the document"},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::gemini
