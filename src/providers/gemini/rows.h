#pragma once
// Items of the input file and rows of the file of responses. Pure. Doc:
// https://ai.google.dev/gemini-api/docs/batch-api#batch-file (checked 2026-11-23)
#include <string>
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::gemini {

/// Appends {"key":"…","request":{…}}, without a line end. @error as gemini::encode_body.
[[nodiscard]] Result<void> append_item(const provider::gemini::Options& options,
                                       std::string_view custom_id, const llm::Request& request,
                                       std::string& out);

/// A row that says it succeeded but cannot be read is kErrored with kBadResponse, and its usage,
/// where it has one, is in `response`: it is billed.
/// @error kBadResponse the line is no JSON object with a key.
[[nodiscard]] Result<provider::Row> decode_result_row(const provider::gemini::Options& options,
                                                      std::string_view line);

}  // namespace weir::providers::gemini
