#pragma once
// Gemini's errors as Weir's: one table, of which the first rule that fits decides. Pure.
#include <span>

#include "provider/gemini_dialect.h"

namespace weir::providers::gemini {

/// By ErrorInfo.reason, status word, HTTP status and text.
std::span<const provider::gemini::ErrorRule> error_rules();

}  // namespace weir::providers::gemini
