#include "config/provider_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "config/keys.h"

namespace weir::config {
namespace {

// The keys of an entry's configuration that are kept in ModelEntry::extra.
std::vector<const Key*> setting_keys(std::string_view provider) {
  std::vector<const Key*> out;
  for (const auto& entry : entry_keys()) {
    if (entry.access.kind != Kind::kObject) continue;
    for (const auto& key : entry.access.keys())
      if (!key.providers.empty() && applies(key, provider, false)) out.push_back(&key);
  }
  return out;
}

}  // namespace

Result<provider::Settings> provider_settings(std::string_view provider,
                                             const Environment& environment,
                                             const std::map<std::string, std::string>& given) {
  provider::Settings out;
  const auto name = canonical_provider(provider);
  const auto keys = name ? setting_keys(*name) : std::vector<const Key*>();
  std::vector<std::string> names;
  for (const auto* key : keys) {
    names.emplace_back(key->name);
    if (!key->built_in.empty()) out.set(key->name, key->built_in, key->secret);
    const auto variable = environment.find(key->variable);
    if (variable != environment.end() && !variable->second.empty())
      out.set(key->name, variable->second, key->secret);
  }
  for (const auto& [setting, value] : given) {
    const auto known = std::ranges::find(keys, setting, [](const Key* key) { return key->name; });
    if (known == keys.end()) {
      const auto near = nearest_name(setting, names);
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("{} has no setting '{}'", provider, setting),
                  near            ? fmt::format("did you mean '{}'?", *near)
                  : names.empty() ? "leave it out"
                                  : fmt::format("its settings: {}", fmt::join(names, ", ")));
    }
    if (value.empty())
      return fail(ErrorKind::kInvalidArgument, fmt::format("the setting '{}' is empty", setting),
                  "give it a value, or leave it out");
    const auto& choices = (*known)->access.choices;
    if (!choices.empty() && std::ranges::find(choices, value) == choices.end())
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("the setting '{}' is not '{}'", setting, value),
                  fmt::format("it is {}", wanted(**known)));
    out.set(setting, value, (*known)->secret);
  }
  return out;
}

}  // namespace weir::config
