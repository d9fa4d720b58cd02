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

class Settings {
 public:
  /// No file: the built-in values and the environment's. @error kInvalidArgument what is wrong, with its place.
  Result<void> load(const std::string& file, const catalogue::Catalogue& catalogue);
  [[nodiscard]] ConfigPtr current() const;
  [[nodiscard]] bool has_file() const { return !file_.empty(); }
  /// Reads the file again, where it has changed since. @return whether the configuration is another now. @error as load(); the old
  /// one stays, and the same file is not complained of again.
  Result<bool> refresh(const catalogue::Catalogue& catalogue);

 private:
  struct Stamp {
    std::int64_t modified_ns = 0;
    std::uint64_t bytes = 0, inode = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  static std::optional<Stamp> stamp_of(const std::string& file);
  Result<ConfigPtr> read(const catalogue::Catalogue& catalogue) const;

  std::string file_;
  std::optional<Stamp> stamp_;
  mutable std::mutex mutex_;
  ConfigPtr current_ = std::make_shared<const config::Config>();
};

}  // namespace weir::library
