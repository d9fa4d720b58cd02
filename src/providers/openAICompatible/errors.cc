// No document binds these servers; the rules are what their sources and documents of autumn 2026 say (checked 2026-11-23):
// https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, https://api-docs.deepseek.com/quick_start/error_codes,
// https://openrouter.ai/docs/api-reference/errors
#include "providers/openAICompatible/errors.h"

#include <array>

namespace weir::providers::openAICompatible {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kNoMoney = "add credits at the provider; trying again does not help";
constexpr std::string_view kKey =
    "check the key of this endpoint; a server of your own may want none";

constexpr std::array kRules{
    Rule{402, "", kInvalid, kNoMoney},
    Rule{0, "insufficient_quota", kInvalid, kNoMoney},
    Rule{401, "", ErrorKind::kUnauthenticated, kKey},
    Rule{403, "", ErrorKind::kUnauthenticated, kKey},
    Rule{404, "", ErrorKind::kNotFound,
         "check the model's name, and that the endpoint ends where /chat/completions begins"},
    Rule{405, "", kInvalid,
         "the endpoint is no chat server: it should end as in http://host:8000/v1"},
    Rule{0, "context_length_exceeded", kInvalid,
         "shorten the document, or use a model with a larger context"},
    Rule{429, "", ErrorKind::kRateLimited, "lower the concurrency"},
    // A server that starts, or a proxy whose server is gone.
    Rule{425, "", ErrorKind::kUnavailable, ""},
};
constexpr Rule kTooLong{0, "", kInvalid,
                        "shorten the document, or serve the model with a larger context"};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

const Rule* rule_by_words(int status, std::string_view words) {
  const bool refused = status == 400 || status == 413 || status == 422;
  return refused && words.contains("context length") ? &kTooLong : nullptr;
}

}  // namespace weir::providers::openAICompatible
