// `weir config`: the schema, what holds, and whether a file is right.
#include <fmt/format.h>
#include <unistd.h>

#include "cli/commands.h"
#include "config/document.h"
#include "config/load.h"
#include "config/schema.h"
#include "config/show.h"
#include "runtime/environment.h"
#include "runtime/posix_files.h"
#include "runtime/price_file.h"

namespace weir::cli {
namespace {

constexpr int kFine = 0, kOurs = 1, kFaulty = 2;

struct ConfigFlags {
  std::string file;
  std::vector<std::string> sets;
  bool json = false;
};
using Flags = std::shared_ptr<ConfigFlags>;

Result<std::vector<config::Override>> overrides(const std::vector<std::string>& sets) {
  std::vector<config::Override> out;
  for (const auto& set : sets) {
    const auto at = set.find('=');
    // What stands there may be a secret: it is not shown.
    if (at == std::string::npos || at == 0)
      return fail(ErrorKind::kInvalidArgument, "--set wants KEY=VALUE",
                  "such as --set optimization.logLevel=DEBUG");
    out.push_back({set.substr(0, at), set.substr(at + 1), "--set"});
  }
  return out;
}

Result<config::Loaded> load_all(const ConfigFlags& flags) {
  WEIR_TRY(const auto sets, overrides(flags.sets));
  WEIR_TRY(const auto catalogue, catalogue::Catalogue::built_in());
  std::string text;
  if (!flags.file.empty()) {
    WEIR_TRY(text, runtime::read_whole_file(flags.file, config::kFileBytesMax));
  }
  auto loaded = config::load(text, flags.file, runtime::environment(), sets, catalogue);
  const auto prices = config::prices_file(loaded.config, flags.file);
  if (!loaded.ok() || prices.empty()) return loaded;
  const auto own = runtime::catalogue_with(prices);
  if (!own) return std::unexpected(config::at_key(loaded.config, "prices", own.error()));
  return config::load(text, flags.file, runtime::environment(), sets, *own);
}

void print_notices(const config::Loaded& loaded) {
  for (const auto& error : loaded.errors) fmt::print(stderr, "weir: {}\n", error.text());
  for (const auto& warning : loaded.config.warnings)
    fmt::print(stderr, "weir: warning: {}\n", warning.text());
}

// Loads and says what there is to say; nothing when it cannot be used, `code` says why.
std::optional<config::Config> load_or_tell(const ConfigFlags& flags, int& code) {
  auto loaded = load_all(flags);
  if (!loaded) {
    fmt::print(stderr, "weir: {}\n", loaded.error().text());
    code = loaded.error().kind == ErrorKind::kInternal ? kOurs : kFaulty;
    return std::nullopt;
  }
  print_notices(*loaded);
  code = loaded->ok() ? kFine : kFaulty;
  if (!loaded->ok()) return std::nullopt;
  return std::move(loaded)->config;
}

void add_sets(CLI::App& verb, ConfigFlags& flags) {
  verb.add_option("--set", flags.sets,
                  "KEY=VALUE over file and environment; may be given again. "
                  "configuration.KEY means every entry");
}

void add_schema(CLI::App& command, int& code) {
  auto* schema =
      command.add_subcommand("schema", "prints every key, with its meaning, as JSON Schema");
  schema->callback([&code] {
    fmt::print("{}", config::schema_json());
    code = kFine;
  });
}

void add_show(CLI::App& command, int& code) {
  auto flags = std::make_shared<ConfigFlags>();
  auto* show = command.add_subcommand("show", "prints what holds, and where each value came from");
  show->add_option("file", flags->file, "YAML or JSON (default: none, only the environment)");
  add_sets(*show, *flags);
  show->add_flag("--json", flags->json, "as one JSON object");
  show->footer("\nSecrets are masked. Warnings go to standard error.");
  show->callback([flags, &code] {
    if (const auto config = load_or_tell(*flags, code))
      fmt::print("{}", flags->json ? config::show_json(*config) : config::show_text(*config));
  });
}

void add_check(CLI::App& command, int& code) {
  auto flags = std::make_shared<ConfigFlags>();
  auto* check = command.add_subcommand("check", "says what is wrong with a file, a line a fault");
  check->add_option("file", flags->file, "YAML or JSON")->required();
  add_sets(*check, *flags);
  check->callback([flags, &code] {
    const auto config = load_or_tell(*flags, code);
    if (!config) return;
    const auto count = config->warnings.size();
    fmt::print("{}: fine{}\n", flags->file,
               count == 0   ? ""
               : count == 1 ? ", with 1 warning"
                            : fmt::format(", with {} warnings", count));
  });
}

}  // namespace

void add_config(CLI::App& app, int& code) {
  auto* command = app.add_subcommand("config", "looks at configurations: schema, show, check");
  command->require_subcommand(1);
  command->footer(
      "\nBuilt-in values < file < environment < flags; LLM_BATCHING_ENABLED=false and "
      "LLM_CACHING_ENABLED=false win over all.\n\n"
      "Exit codes: 0 fine, also with warnings · 1 a bug of ours · 2 the file or the command is "
      "wrong\n\n"
      "  weir config check weir.yaml\n"
      "  weir config show weir.yaml --json\n"
      "  weir config schema > weir.schema.json");
  add_schema(*command, code);
  add_show(*command, code);
  add_check(*command, code);
}

}  // namespace weir::cli
