#pragma once
// Where a value came from, and what there is to say about it: one line a notice, with place, fault and fix. Never a secret.
#include <cstdint>
#include <string>

namespace weir::config {

/// A place in a file (line and column from 1, a column is a byte), or a variable or flag by its name (line 0).
struct Place {
  std::string name;
  int line = 0, column = 0;
  /// "weir.yaml:3:5", or the name alone.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Place&, const Place&) = default;
};

struct Origin {
  enum class Kind : std::uint8_t { kBuiltIn, kFile, kEnvironment, kFlag };
  Kind kind = Kind::kBuiltIn;
  Place place;
  bool adjusted = false;  // load() changed the value, and warned
  /// "built-in", "weir.yaml:3", "LLM_BATCHING_ENABLED", "--set"; ", adjusted" behind it where it was.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct Notice {
  Place place;
  std::string what, fix;
  /// "weir.yaml:3:5: what (fix)", one line whatever a value contains.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Notice&, const Notice&) = default;
};

}  // namespace weir::config
