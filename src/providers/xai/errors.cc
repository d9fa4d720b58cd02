// Docs (checked 2026-11-23): https://docs.x.ai/docs/key-information/debugging for statuses; the codes are sentences, and are not compared.
#include "providers/xai/errors.h"

#include <array>

namespace weir::providers::xai {
namespace {

using Rule = provider::openai_chat::ErrorRule;
constexpr auto kInvalid = ErrorKind::kInvalidArgument;

constexpr std::string_view kKeyHint = "check the key of this account, and what it may do";

constexpr std::array kRules{
    Rule{401, "", ErrorKind::kUnauthenticated, kKeyHint},
    // Also: requests that are added to a batch after it was cancelled.
    Rule{403, "", ErrorKind::kUnauthenticated,
         "check the key's permissions, and the team's credits"},
    Rule{404, "", ErrorKind::kNotFound, "check the model's name, and that the team may use it"},
    Rule{412, "", kInvalid, "a batch is filled from one file: this is a bug, report it"},
    Rule{413, "", kInvalid, "shorten the document"},
    Rule{429, "", ErrorKind::kRateLimited, "lower the concurrency"},
};
constexpr Rule kKey{0, "", ErrorKind::kUnauthenticated, kKeyHint};
constexpr Rule kNoBatch{0, "", ErrorKind::kUnsupported,
                        "only grok-4.3 and the grok-4.20 family have batches: use --route sync"};
constexpr Rule kTooLong{0, "", kInvalid,
                        "shorten the document, or use a model with a larger context"};
constexpr Rule kNoMoney{0, "", kInvalid,
                        "add credits in the xAI console; trying again does not help"};

}  // namespace

std::span<const Rule> error_rules() { return kRules; }

const Rule* rule_by_words(int status, std::string_view words) {
  if (status == 400 && words.contains("API key")) return &kKey;
  if (words.contains("not supported for batch processing")) return &kNoBatch;
  if (words.contains("maximum prompt length") || words.contains("context length")) return &kTooLong;
  if (status == 403 && words.contains("credits")) return &kNoMoney;
  return nullptr;
}

}  // namespace weir::providers::xai
