#pragma once
// From usage to money, by the built-in catalogue: without an engine, a store or a network. Pure.
#include <chrono>
#include <string_view>

#include "weir/usage.h"

namespace weir {

/// What the provider bills for the usage, by the built-in catalogue at the date.
/// @error kNotFound unknown provider or model.
WEIR_API Result<Money> cost(const Usage& usage, std::string_view provider, std::string_view model,
                            Route route, std::chrono::sys_days date);

}  // namespace weir
