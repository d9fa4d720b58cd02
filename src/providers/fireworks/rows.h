#pragma once
// Rows of the results: {"custom_id","response":{a chat.completion, with no wrapper}}. The lines of error-data were never seen with
// anything in them: what carries a custom_id and no completion is an error.
// Doc: https://docs.fireworks.ai/guides/batch-inference (reference of 2026-11-23)
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::fireworks {

/// @error kBadResponse the line is no JSON object with a custom_id.
Result<provider::Row> decode_row(std::string_view line);

}  // namespace weir::providers::fireworks
