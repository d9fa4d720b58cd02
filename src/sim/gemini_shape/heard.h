#pragma once
#include "sim/gemini_shape/generate_request.h"
#include "sim/heard.h"

namespace weir::sim::gemini_shape {

/// Tells the listener what a checked generateContent body says.
void hear_request(const GenerateRequest& request, Listener& listener);

}  // namespace weir::sim::gemini_shape
