// Doc: https://console.groq.com/docs/errors (checked 2026-11-23)
// Doc: https://console.groq.com/docs/batch for the codes of batches (checked 2026-11-23)
#include "providers/groq/errors.h"

#include <array>

namespace weir::providers::groq {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kKey = "check the key of this account, and its project and permissions";
constexpr std::string_view kFile =
    "this is how the input was built, not what it asks: report it as a bug";

constexpr std::array kRules{
    // Rates. 498 is Groq's own: the flex tier has no room.
    Rule{429, "rate_limit_exceeded", ErrorKind::kRateLimited, "lower the concurrency"},
    Rule{498, "", ErrorKind::kRateLimited, "the flex tier is full: wait, or use another tier"},
    Rule{0, "capacity_exceeded", ErrorKind::kRateLimited,
         "the flex tier is full: wait, or use another tier"},
    Rule{0, "token_limit_exceeded", ErrorKind::kRateLimited,
         "the queue of batch tokens is full: wait for other batches to end"},
    Rule{0, "service_unavailable", ErrorKind::kUnavailable, ""},
    Rule{0, "internal_server_error", ErrorKind::kUnavailable, ""},
    Rule{0, "server_error", ErrorKind::kUnavailable, ""},
    // Keys, plans and access.
    Rule{0, "not_available_for_plan", kInvalid,
         "batches need a paid plan: use the sync route, or change the plan"},
    Rule{0, "spend_limit_reached", kInvalid, "raise the spend limit in Groq's console"},
    Rule{0, "blocked_api_access", kInvalid, "raise the spend limit in Groq's console"},
    Rule{401, "", ErrorKind::kUnauthenticated, kKey},
    Rule{0, "invalid_api_key", ErrorKind::kUnauthenticated, kKey},
    Rule{403, "", ErrorKind::kUnauthenticated, kKey},
    // The request.
    Rule{0, "model_not_found", ErrorKind::kNotFound,
         "check the model's name: Groq shuts models down often"},
    Rule{0, "model_decommissioned", ErrorKind::kNotFound,
         "Groq has shut this model down: use another one"},
    Rule{0, "context_length_exceeded", kInvalid,
         "shorten the document, or use a model with a larger context"},
    // The model wrote no JSON of that schema, or no such call: asked again, it may.
    Rule{0, "json_validate_failed", ErrorKind::kUnavailable,
         "the model did not keep to the schema: simplify it, or raise the output limit"},
    Rule{0, "tool_use_failed", ErrorKind::kUnavailable,
         "the model wrote a call that cannot be read: simplify the tools"},
    Rule{413, "", kInvalid, "the request is too large: shorten the document"},
    // Whole-batch validation.
    Rule{0, "streaming_unsupported", kInvalid, "remove `stream` from the requests"},
    Rule{0, "too_many_tasks", kInvalid, "lower the number of requests in a batch"},
    Rule{0, "invalid_json_line", kInvalid, kFile},
    Rule{0, "duplicate_custom_id", kInvalid, kFile},
    Rule{0, "invalid_url", kInvalid, kFile},
    Rule{0, "url_mismatch", kInvalid, kFile},
    Rule{0, "empty_file", kInvalid, kFile},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::groq
