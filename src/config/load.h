#pragma once
// Configuration from its sources: built-in < file < environment < flag, and a variable at false above all. Pure: the file's text and
// the environment come in as values, so a reload is to load again and to take the result if it is ok().
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/catalogue.h"
#include "config/config.h"
#include "config/notice.h"

namespace weir::config {

using Environment = std::map<std::string, std::string, std::less<>>;

/// A value given on the command line. `key` is a path such as "optimization.logLevel" or "llm[0].configuration.cacheTTL";
/// "configuration.cacheTTL" means every entry of llm and embedding.
struct Override {
  std::string key, value;
  std::string flag;  // how it was given, "--set", for origins and messages
};

/// Where the text is from. A remote one may neither name environment variables nor bring an endpoint that the environment's keys
/// would be sent to.
enum class Trust : std::uint8_t { kLocal, kRemote };

struct Loaded {
  Config config;               // to be used only when there is no error
  std::vector<Notice> errors;  // all of them, each with a place, in the order of the file
  [[nodiscard]] bool ok() const { return errors.empty(); }
};

/// @param text YAML or JSON; empty for none.
/// @param file_name what places call it.
/// Values that a provider cannot do are switched off or limited, each with a warning in config.warnings.
Loaded load(std::string_view text, const std::string& file_name, const Environment& environment,
            const std::vector<Override>& flags, const catalogue::Catalogue& catalogue,
            Trust trust = Trust::kLocal);

}  // namespace weir::config
