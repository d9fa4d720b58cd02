#include "provider/settings.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::provider {
namespace {

std::string how_to_give(std::string_view name) {
  return fmt::format("give --set {}=…, or put it into the configuration, as a secret must be",
                     name);
}

std::unexpected<Error> missing(const catalogue::Provider& provider, std::string_view name) {
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("{} wants the setting '{}'", provider.name, name), how_to_give(name));
}

}  // namespace

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

Result<std::string> endpoint_of(const catalogue::Provider& provider, std::string_view configured,
                                const Settings& settings) {
  WEIR_TRY(std::string out, catalogue::endpoint_of(provider, configured));
  if (!configured.empty()) return out;
  for (auto open = out.find('{'); open != std::string::npos; open = out.find('{')) {
    const auto close = out.find('}', open);
    if (close == std::string::npos) break;
    const auto name = out.substr(open + 1, close - open - 1);
    const auto value = settings.find(name);
    if (!value) return missing(provider, name);
    for (const auto& [exception, url] : provider.endpoints)
      if (exception == *value) return url;
    // A key follows the host: nothing but a label may be put into it.
    if (value->empty() || !std::ranges::all_of(*value, [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        }))
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("the setting '{}' has other than a-z, 0-9 and '-'", name));
    out.replace(open, close - open + 1, *value);
  }
  return out;
}

Result<void> require_settings(const catalogue::Provider& provider, const Settings& settings) {
  for (const auto& name : provider.settings)
    if (!settings.find(name)) return missing(provider, name);
  return {};
}

std::optional<std::string_view> key_of(const catalogue::Provider& provider,
                                       const Settings& settings) {
  if (provider.key_setting.empty()) return std::nullopt;
  return settings.find(provider.key_setting);
}

std::string batch_needs(const catalogue::Provider& provider, const Settings& settings) {
  if (!provider.batch) return {};
  std::string_view needed = provider.batch->setting;  // names with a space between
  while (!needed.empty()) {
    const auto name = needed.substr(0, needed.find(' '));
    needed.remove_prefix(std::min(name.size() + 1, needed.size()));
    if (!settings.find(name))
      return fmt::format("{} makes batches only where '{}' is known: {}", provider.name, name,
                         how_to_give(name));
  }
  return {};
}

}  // namespace weir::provider
