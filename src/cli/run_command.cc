#include <fmt/format.h>

#include "bulk/run.h"
#include "cli/commands.h"
#include "cli/run_config.h"
#include "cli/run_options.h"
#include "runtime/price_file.h"

namespace weir::cli {
namespace {

Result<void> read_all(CLI::App& run, RunFlags& flags) {
  WEIR_TRY(const auto warnings, take_from_config(run, flags));
  if (!flags.options.quiet)
    for (const auto& warning : warnings) fmt::print(stderr, "weir: warning: {}\n", warning);
  return read_values(flags);
}

}  // namespace

void add_run(CLI::App& app, int& code) {
  auto flags = std::make_shared<RunFlags>();
  auto* run = app.add_subcommand("run", "answers every document of an input, at the lowest price");
  add_run_options(*run, *flags);
  run->footer(
      "\nCtrl-C and kill -9 lose nothing: the same command goes on where it stopped.\n\n"
      "Exit codes: 0 every item succeeded · 1 disk, store or a bug of ours · 2 the command or its "
      "input is wrong, nothing was\n"
      "sent · 3 every item ended, some failed (the output says which) · 4 stopped before the end: "
      "spend limit, key refused,\n"
      "a batch that somebody must look at · 130 interrupted\n\n"
      "  weir run docs.jsonl -m anthropic/claude-sonnet-5 -p prompt.md -s schema.json -o "
      "answers.jsonl\n"
      "  weir run requests.jsonl -m openAI/gpt-5.4-nano -o answers.jsonl --route batch\n"
      "  weir run docs.jsonl --config weir.yaml --workload nightly -p prompt.md -o answers.jsonl\n"
      "  cat docs.jsonl | weir run - -m openAI/gpt-5.4-nano -p prompt.md -o answers.jsonl "
      "--dry-run");
  run->callback([run, flags, &code] {
    if (const auto read = read_all(*run, *flags); !read) {
      fmt::print(stderr, "weir: {}\n", read.error().text());
      code = static_cast<int>(bulk::ExitCode::kUsage);
      return;
    }
    code = static_cast<int>(bulk::run(flags->options, find_adapter));
  });
}

void add_report(CLI::App& app, int& code) {
  struct Flags {
    std::string output;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  auto* report =
      app.add_subcommand("report", "shows the savings receipt of a job, running or ended");
  report->add_option("output", flags->output, "the output file of the run")->required();
  report->add_flag("--json", flags->json, "as one JSON object");
  report->callback(
      [flags, &code] { code = static_cast<int>(bulk::report_output(flags->output, flags->json)); });
}

namespace {

void print_model(const std::string& provider, const catalogue::Model& model) {
  const auto& row = model.prices.front();
  const auto price = [](std::optional<Price> p) {
    return p ? to_usd(Money{p->pico_per_token * 1'000'000}) : std::string("-");
  };
  const auto output = model.embedding ? "-" : price(row.sync.output);
  const auto* cache = model.embedding                                   ? "embeddings"
                      : model.cache == catalogue::CacheMode::kNone      ? "none"
                      : model.cache == catalogue::CacheMode::kAutomatic ? "automatic"
                                                                        : "breakpoints";
  fmt::print("{:<40} {:>10} {:>10} {:>10}  {:<6} {:<12} {}\n", provider + "/" + model.name,
             price(row.sync.input), output, price(row.sync.cache_read), model.batch ? "yes" : "no",
             cache, row.as_of);
}

}  // namespace

void add_models(CLI::App& app, int& code) {
  auto* models =
      app.add_subcommand("models", "lists the models of the catalogue with their prices");
  auto prices = std::make_shared<std::string>();
  models->add_option("--prices", *prices, "prices of your own, over the catalogue's");
  models->callback([prices, &code] {
    const auto catalogue = runtime::catalogue_with(*prices);
    if (!catalogue) {
      fmt::print(stderr, "weir: {}\n", catalogue.error().text());
      code = 1;
      return;
    }
    fmt::print("{:<40} {:>10} {:>10} {:>10}  {:<6} {:<12} as of\n", "dollars per million tokens",
               "input", "output", "cache read", "batch", "cache");
    for (const auto& provider : catalogue->providers()) {
      for (const auto& model : provider.models) print_model(provider.name, model);
      for (const auto& model : provider.embedding_models) print_model(provider.name, model);
    }
  });
}

}  // namespace weir::cli
