#pragma once
// What a usage costs, by the built-in catalogue.
#include <string_view>

#include "base/time.h"
#include "weir/usage.h"

namespace weir::library {

/// @error kNotFound unknown provider or model.
Result<Money> price(const Usage& usage, std::string_view provider, std::string_view model,
                    Route route, Time at);

}  // namespace weir::library
