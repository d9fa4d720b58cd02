#pragma once
// The configuration that an engine goes by: the file with what environment says over it, read again when the file changes. A file that
// is not right as a whole changes nothing. Thread-safe; a snapshot never changes.
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "catalogue/catalogue.h"
#include "config/config.h"
#include "config/load.h"
#include "weir/engine.h"

namespace weir::library {

using ConfigPtr = std::shared_ptr<const config::Config>;

/// What the configuration says of a workload: a snapshot. Says nothing where it has none of the name.
class WorkloadPolicy {
 public:
  WorkloadPolicy(ConfigPtr config, const config::Workload* workload)
      : config_(std::move(config)), workload_(workload) {}
  /// Empty where the configuration has no such workload: what it does not know has no ledger of its own.
  [[nodiscard]] std::string name() const { return workload_ != nullptr ? workload_->name : ""; }
  [[nodiscard]] const config::Workload* get() const { return workload_; }
  /// Of one request that reached the provider, the first included.
  [[nodiscard]] std::uint32_t attempts_max() const;
  /// Whether nothing is to be optimised, only observed.
  [[nodiscard]] bool observes() const {
    return config_->observe || (workload_ != nullptr && workload_->observe);
  }

 private:
  ConfigPtr config_;
  const config::Workload* workload_;
};

class Settings {
 public:
  /// No file: the built-in values and the environment's. @error kInvalidArgument what is wrong, with its place.
  Result<void> load(const std::string& file, const catalogue::Catalogue& catalogue);
  [[nodiscard]] ConfigPtr current() const;
  [[nodiscard]] WorkloadPolicy workload(const std::string& name) const;
  [[nodiscard]] bool has_file() const { return !file_.empty(); }
  /// Reads the file again, where it has changed since. @return whether the configuration is another now. @error as load(); the old
  /// one stays, and the same file is not complained of again.
  Result<bool> refresh(const catalogue::Catalogue& catalogue);
  /// The same, whether the file has changed or not.
  Result<bool> reload(const catalogue::Catalogue& catalogue);

 private:
  struct Stamp {
    std::int64_t modified_ns = 0;
    std::uint64_t bytes = 0, inode = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  static std::optional<Stamp> stamp_of(const std::string& file);
  Result<bool> replace(const catalogue::Catalogue& catalogue);
  Result<ConfigPtr> read(const catalogue::Catalogue& catalogue) const;

  std::string file_;
  std::optional<Stamp> stamp_;
  mutable std::mutex mutex_;
  ConfigPtr current_ = std::make_shared<const config::Config>();
};

}  // namespace weir::library
