#pragma once
// Items of the input object and rows of the prediction objects. Pure. Docs:
// https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-from-cloud-storage (checked 2026-11-27);
// what the importer and the rows do beside that was seen by others (providers.md 6.2, checked 2026-11-23)
#include <string>
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::vertexAI {

/// Levels of arrays and objects that the importer takes, the line's own among them.
inline constexpr std::size_t kDepthMax = 15;

/// Appends {"custom_id":"…","request":{…}}, without a line end. The id is no field of the format: columns that are unknown come
/// back beside the answer.
/// @error as gemini::encode_body; kUnsupported something on which the importer would fail the whole job: more than kDepthMax
/// levels, an empty object, a key that is no column's name ("$defs"), an array of several types.
[[nodiscard]] Result<void> append_item(const provider::gemini::Options& options,
                                       std::string_view custom_id, const llm::Request& request,
                                       std::string& out);

/// A row is told apart by its custom_id alone: order is not kept, and the request comes back in other bytes. One that says it
/// succeeded but cannot be read is kErrored with kBadResponse, and its usage, where it has one, is in `response`: it is billed.
/// @error kBadResponse the line is no JSON object with a custom_id.
[[nodiscard]] Result<provider::Row> decode_result_row(const provider::gemini::Options& options,
                                                      std::string_view line);

}  // namespace weir::providers::vertexAI
