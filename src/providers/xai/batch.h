#pragma once
// Batches as xAI has them, on OpenAI's step machine: a container that is made from a file, has counters in place of a status, and
// gives its results in pages. Docs: https://docs.x.ai/docs/guides/batch-api,
// https://docs.x.ai/developers/rest-api-reference/inference/batches (checked 2026-11-23); what is not in them was seen live by
// others in August 2026 and stands in README.md.
#include <optional>
#include <string_view>

#include "json/value.h"
#include "provider/openai_batch_dialect.h"

namespace weir::providers::xai {

provider::openai_chat::Options chat_options();
provider::openai_batch::Options batch_options();

/// `completion_tokens` leaves out the reasoning, which is billed as output; where the total says that it does not, nothing is added.
llm::Usage decode_usage(json::Value usage);

/// The status is ours, made of the counters: validating, in_progress, cancelling, completed, cancelled, failed. Nothing when the
/// value is no batch.
std::optional<provider::openai_batch::BatchObject> read_batch(json::Value value);

/// {"batch_request_id":"w…-3","batch_result":{"response":{"chat_get_completion":{…}}}}, or {"error":"text"} there.
/// @error kBadResponse no object with an id and one of both.
Result<provider::Row> decode_row(std::string_view row);

}  // namespace weir::providers::xai
