// A configuration of any bytes: never a crash; errors have a place and are one line; what loads can be shown. Nothing that is told
// or shown depends on the value of a secret.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "catalogue/catalogue.h"
#include "config/load.h"
#include "config/show.h"
#include "json/value.h"

namespace {
using namespace weir;

void must(bool held) {
  if (!held) std::abort();
}

void check(const config::Notice& notice) {
  must(notice.place.name == "f" && notice.place.line >= 1 && notice.place.column >= 1);
  must(!notice.what.empty());
  must(std::ranges::none_of(notice.text(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto catalogue = *catalogue::Catalogue::built_in();
  static const config::Environment environment = {{"SECRET", "one"}};
  static const config::Environment other = {{"SECRET", "another of them"}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = config::load(text, "f", environment, {}, catalogue);
  for (const auto& error : loaded.errors) check(error);
  for (const auto& warning : loaded.config.warnings) check(warning);
  const auto again = config::load(text, "f", other, {}, catalogue);
  must(again.errors == loaded.errors && again.config.warnings == loaded.config.warnings);
  if (!loaded.ok()) return 0;
  const auto shown = config::show_json(loaded.config);
  must(shown == config::show_json(again.config));
  must(config::show_text(loaded.config) == config::show_text(again.config));
  json::Parser parser;
  must(parser.parse(shown).has_value());
  return 0;
}
