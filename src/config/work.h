#pragma once
// What the steps of one load() share. Internal to this folder.
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "config/document.h"
#include "config/keys.h"
#include "config/load.h"

namespace weir::config {

inline constexpr std::size_t kErrorsMax = 200;     // more are no help to anybody
inline constexpr std::size_t kEntriesMax = 1'000;  // of one list; far above any real file

struct Work {
  Config& config;
  std::vector<Notice>& errors;
  const Environment& environment;
  const catalogue::Catalogue& catalogue;
  std::string file_name;
  Trust trust = Trust::kLocal;
  std::set<std::string> faulty =
      {};  // paths with an error already: no second one for the same cause
  std::set<std::string> referenced = {};  // paths whose value the file took from ${NAME}

  /// One more error; beyond kErrorsMax only that there are more.
  void error(const Place& place, std::string what, std::string fix = "");
  void warn(const Place& place, std::string what, std::string fix = "");
  /// Where the value, or what it stands in, was given; the file itself when nowhere.
  [[nodiscard]] Place place_of(std::string path) const;
  /// Whether a source gave the value.
  [[nodiscard]] bool is_set(const std::string& path) const;
  [[nodiscard]] bool is_from(const std::string& path, Origin::Kind kind) const;
  /// Whether the path, or what it stands in, has an error already.
  [[nodiscard]] bool is_faulty(std::string path) const;
  /// Sets the value, or reports why not. @param quoted the text was in quotes, and is no number or truth.
  bool assign(const Key& key, void* owner, const std::string& path, std::string_view text,
              const Origin& origin, bool quoted = false);
};

/// Reads the file's values. False: it is no document, and what else is wrong cannot be said.
bool read_file(Work& work, std::string_view text);
/// Puts the environment's values over the file's, and the flags' over those; then the variables that win at false.
void apply_environment(Work& work);
void apply_flags(Work& work, const std::vector<Override>& flags);
void apply_false_variables(Work& work);
/// Fills in what presets and catalogue give, limits and switches off what is not there, finds what contradicts itself.
void check_entries(Work& work);
void check_workloads(Work& work);

/// Replaces each ${NAME}. The error is the whole fault, without the text.
std::expected<std::string, std::string> expand(std::string_view text,
                                               const Environment& environment);
/// As much of a text of somebody else's as a message shows, in single quotes.
std::string in_quotes(std::string_view text);
/// Whether the text has a ${NAME}, or begins one.
bool has_reference(std::string_view text);

}  // namespace weir::config
