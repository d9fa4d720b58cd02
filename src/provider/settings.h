#pragma once
// Settings that only some providers have: an account id, a region. Values; small; thread-safe when nobody changes them.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalogue/catalogue.h"

namespace weir::provider {

/// By the names of the configuration's keys; sorted, so that the same settings are the same text.
class Settings {
 public:
  struct Setting {
    std::string name, value;
    bool secret = false;
    friend bool operator==(const Setting&, const Setting&) = default;
  };

  /// Replaces what stands under the name.
  void set(std::string_view name, std::string_view value, bool secret = false);
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  /// "accountId=acme region=eu-1", for a job's identity: never a secret. Empty where there is nothing to say.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const std::vector<Setting>& all() const { return all_; }
  friend bool operator==(const Settings&, const Settings&) = default;

 private:
  std::vector<Setting> all_;
};

/// The base URL to use: the configured one, else the provider's own, its "{region}" filled in with the setting of that name.
/// @error kInvalidArgument neither is there, the setting is missing, or it is no part of a host's name.
[[nodiscard]] Result<std::string> endpoint_of(const catalogue::Provider& provider,
                                              std::string_view configured,
                                              const Settings& settings);

/// @error kInvalidArgument a setting is missing without which nothing can be sent.
[[nodiscard]] Result<void> require_settings(const catalogue::Provider& provider,
                                            const Settings& settings);

/// The key that the settings hold, of a provider whose keys are made of several parts: the part that names it.
[[nodiscard]] std::optional<std::string_view> key_of(const catalogue::Provider& provider,
                                                     const Settings& settings);

/// Why batches cannot be made with these settings; empty where they can.
[[nodiscard]] std::string batch_needs(const catalogue::Provider& provider,
                                      const Settings& settings);

}  // namespace weir::provider
