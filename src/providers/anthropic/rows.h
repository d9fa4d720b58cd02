#pragma once
// Rows of a batch's results. Pure.
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"

namespace weir::providers::anthropic {

/// One line of the results. A succeeded row whose message cannot be read is kErrored with
/// kBadResponse, with the usage that could be read: it is billed, so it must not look as if it
/// never ran. The same for a kind of result that is not known.
/// @error kBadResponse the line is no JSON object with a custom_id and a result.
/// Doc: https://platform.claude.com/docs/en/build-with-claude/batch-processing (checked 2026-11-23)
Result<provider::Row> decode_result_row(std::string_view line);

}  // namespace weir::providers::anthropic
