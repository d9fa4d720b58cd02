#pragma once
// The settings that only some providers have, from where they are given, by the table of keys. Pure.
#include <map>
#include <string>
#include <string_view>

#include "config/load.h"
#include "provider/settings.h"

namespace weir::config {

/// Built-in < the setting's variable < `given`. A provider that the table does not know has none.
/// One that the provider cannot do without is missed by its adapter, and by load().
/// @error kInvalidArgument the provider has no such setting (the hint names the nearest), or it is empty; the message never holds a
/// value.
Result<provider::Settings> provider_settings(std::string_view provider,
                                             const Environment& environment,
                                             const std::map<std::string, std::string>& given);

}  // namespace weir::config
