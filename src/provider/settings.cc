#include "provider/settings.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::provider {

void Settings::set(std::string_view name, std::string_view value, bool secret) {
  const auto at = std::ranges::lower_bound(
      all_, name, {}, [](const Setting& setting) { return std::string_view(setting.name); });
  Setting setting{.name = std::string(name), .value = std::string(value), .secret = secret};
  if (at != all_.end() && at->name == name) *at = std::move(setting);
  else all_.insert(at, std::move(setting));
}

std::optional<std::string_view> Settings::find(std::string_view name) const {
  for (const auto& setting : all_)
    if (setting.name == name) return setting.value;
  return std::nullopt;
}

std::string Settings::text() const {
  std::string out;
  for (const auto& setting : all_) {
    if (setting.secret) continue;
    if (!out.empty()) out += ' ';
    out += fmt::format("{}={}", setting.name, setting.value);
  }
  return out;
}

std::string batch_needs(const catalogue::Provider& provider, const Settings& settings) {
  if (!provider.batch || provider.batch->setting.empty() || settings.find(provider.batch->setting))
    return {};
  return fmt::format(
      "{} makes batches only where '{}' is known: give --set {}=…, or put it into "
      "the configuration",
      provider.name, provider.batch->setting, provider.batch->setting);
}

}  // namespace weir::provider
