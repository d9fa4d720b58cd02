#pragma once
// Rows of a batch: {"recordId","modelInput"} in; {"recordId","modelInput","modelOutput"} or …"error" out.
// Doc: https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html (reference of 2026-11-23)
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::bedrock {

/// @error as append_body(); kInvalidArgument it asks for a stream.
Result<void> append_item(std::string_view custom_id, const llm::Request& request, std::string& out);

/// @error kBadResponse the line is no JSON object with a recordId.
Result<provider::Row> decode_result_row(std::string_view line);

}  // namespace weir::providers::bedrock
