#pragma once
// Records of an output dataset: {"custom_id","error":"","body":{a chat answer}}, or an error's words and no body.
// Sources: cohere-developer-experience@e814c8a (2026-08-20), its notebook on batches; shapes of chat rows by tests of third parties
// against the live service (read 2026-11-27).
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::cohere {

/// @param line a record as JSON @error kBadResponse it has no custom_id, or neither an answer nor an error.
Result<provider::Row> decode_row(std::string_view line);

}  // namespace weir::providers::cohere
