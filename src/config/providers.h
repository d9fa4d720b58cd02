#pragma once
// The providers by name, and what holds for one whose catalogue file is not there yet. Where the catalogue has the provider, the
// catalogue decides.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "catalogue/catalogue.h"
#include "config/config.h"

namespace weir::config {

/// In the order of the documents; then those that only the built-in catalogue has.
std::span<const std::string_view> provider_names();
/// "OPENAI" -> "openAI". Nothing when it is none of them.
std::optional<std::string> canonical_provider(std::string_view name);
/// The environment variable of a provider's key; empty when there is none that everybody uses.
std::string key_variable(std::string_view provider, const catalogue::Catalogue& catalogue);

/// What an entry may switch on, and why not.
struct Support {
  std::string batching_missing;  // the reason; empty where it is there
  std::string caching_missing;
  bool explicit_cache = true;
};
Support support_of(const ModelEntry& entry, const catalogue::Catalogue& catalogue);

}  // namespace weir::config
