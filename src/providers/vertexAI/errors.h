#pragma once
// Google Cloud's errors as Weir's: one table, of which the first rule that fits decides. Pure.
#include <span>

#include "provider/gemini_dialect.h"

namespace weir::providers::vertexAI {

/// By ErrorInfo.reason, status word, HTTP status and text; of the models' API and of Cloud Storage.
std::span<const provider::gemini::ErrorRule> error_rules();

}  // namespace weir::providers::vertexAI
