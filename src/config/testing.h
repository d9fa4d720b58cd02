#pragma once
// For tests: loads a text with the catalogue of the program, and looks at what came of it.
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace weir::config {

inline const catalogue::Catalogue& test_catalogue() {
  static const catalogue::Catalogue instance = *catalogue::Catalogue::built_in();
  return instance;
}

inline Loaded load_text(std::string_view text, const Environment& environment = {},
                        const std::vector<Override>& flags = {}, Trust trust = Trust::kLocal) {
  return load(text, "weir.yaml", environment, flags, test_catalogue(), trust);
}

/// One line a notice.
inline std::vector<std::string> texts(const std::vector<Notice>& notices) {
  std::vector<std::string> out;
  for (const auto& notice : notices) out.push_back(notice.text());
  return out;
}
inline std::vector<std::string> errors_of(std::string_view text,
                                          const Environment& environment = {},
                                          const std::vector<Override>& flags = {}) {
  return texts(load_text(text, environment, flags).errors);
}
inline std::vector<std::string> warnings_of(std::string_view text,
                                            const Environment& environment = {},
                                            const std::vector<Override>& flags = {}) {
  return texts(load_text(text, environment, flags).config.warnings);
}

/// An entry of anthropic with these further keys, each a line without indentation.
inline std::string entry_with(const std::vector<std::string>& lines,
                              std::string_view provider = "anthropic",
                              std::string_view model = "claude-sonnet-5") {
  std::string out = "llm:\n  - provider: " + std::string(provider) +
                    "\n    configuration:\n      model: " + std::string(model) + "\n";
  for (const auto& line : lines) out += "      " + line + "\n";
  return out;
}

}  // namespace weir::config
