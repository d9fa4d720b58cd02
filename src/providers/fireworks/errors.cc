#include "providers/fireworks/errors.h"

#include <array>

namespace weir::providers::fireworks {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kKey =
    "check the key, and that it belongs to the account named by accountId";
constexpr std::string_view kMoney = "the account is suspended or out of credits: see its billing";

constexpr std::array kRules{
    Rule{401, "", ErrorKind::kUnauthenticated, kKey},
    Rule{403, "", ErrorKind::kUnauthenticated, kKey},
    Rule{402, "", kInvalid, kMoney},
    Rule{412, "", kInvalid, kMoney},
    Rule{404, "", ErrorKind::kNotFound,
         "check the name: accounts/fireworks/models/NAME, and that the account may use it"},
    Rule{413, "", kInvalid, "the request is too large: shorten the document"},
    // Of jobs and datasets, whose status has no HTTP status.
    Rule{0, "INVALID_ARGUMENT", kInvalid, "one bad row fails a whole job"},
    Rule{0, "RESOURCE_EXHAUSTED", ErrorKind::kRateLimited, "wait for other jobs to end"},
    Rule{0, "PERMISSION_DENIED", ErrorKind::kUnauthenticated, kKey},
    Rule{0, "NOT_FOUND", ErrorKind::kNotFound, ""},
    Rule{0, "INTERNAL", ErrorKind::kUnavailable, ""},
    Rule{0, "UNAVAILABLE", ErrorKind::kUnavailable, ""},
};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

}  // namespace weir::providers::fireworks
