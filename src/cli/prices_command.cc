// `weir prices`: the catalogue's prices beside those of the public community price file (`cost` is in prices_cost.cc).
#include <fmt/format.h>

#include <fstream>

#include "catalogue/community.h"
#include "cli/commands.h"
#include "cli/prices_cost.h"
#include "runtime/clock.h"
#include "runtime/posix_files.h"

namespace weir::cli {
namespace {

constexpr int kFine = 0, kOurs = 1, kFaulty = 2, kDiffers = 3;
constexpr std::uint64_t kPriceFileBytesMax = 64 << 20;

struct PricesFlags {
  std::string file, output, provider;
};

int tell(const Error& error) {
  fmt::print(stderr, "weir: {}\n", error.text());
  return error.kind == ErrorKind::kInternal ? kOurs : kFaulty;
}

Result<catalogue::CommunityPrices> read(const PricesFlags& flags) {
  WEIR_TRY(const auto text, runtime::read_whole_file(flags.file, kPriceFileBytesMax));
  auto prices = catalogue::read_community_prices(text);
  if (!prices)
    return fail(prices.error().kind, fmt::format("{}: {}", flags.file, prices.error().message),
                prices.error().hint);
  if (!flags.provider.empty())
    std::erase_if(prices->rows, [&](const auto& row) { return row.provider != flags.provider; });
  return prices;
}

int diff(const PricesFlags& flags) {
  const auto catalogue = catalogue::Catalogue::built_in();
  if (!catalogue) return tell(catalogue.error());
  const auto prices = read(flags);
  if (!prices) return tell(prices.error());
  const auto found = price_differences(*catalogue, *prices, runtime::SystemClock().now());
  const auto text = [](std::optional<Price> price) {
    return price ? to_usd(Money{price->pico_per_token * 1'000'000}) : std::string("-");
  };
  if (!found.empty())
    fmt::print("{:<48} {:<16} {:>12} {:>12}\n", "dollars per million tokens", "", "catalogue",
               "file");
  for (const auto& difference : found)
    fmt::print("{:<48} {:<16} {:>12} {:>12}\n", difference.model, difference.column,
               text(difference.ours), text(difference.theirs));
  fmt::print(stderr, "{} entries of our providers, {} others; {} differences\n",
             prices->rows.size(), prices->others, found.size());
  return found.empty() ? kFine : kDiffers;
}

int import(const PricesFlags& flags) {
  const auto prices = read(flags);
  if (!prices) return tell(prices.error());
  const auto today = to_rfc3339(runtime::SystemClock().now()).substr(0, 10);
  std::ofstream out(flags.output, std::ios::binary | std::ios::trunc);
  out << overlay_json(*prices, flags.file.substr(flags.file.rfind('/') + 1), today);
  out.flush();
  if (!out)
    return tell({.kind = ErrorKind::kInvalidArgument,
                 .message = fmt::format("{} cannot be written", flags.output)});
  fmt::print("{}: {} prices\n", flags.output, prices->rows.size());
  return kFine;
}

}  // namespace

void add_prices(CLI::App& app, int& code) {
  auto* command = app.add_subcommand(
      "prices",
      "tells what a usage costs; compares or takes over prices of the community price file");
  command->require_subcommand(1);
  command->footer(
      "\nThe file of diff and import is LiteLLM's model_prices_and_context_window.json, from disk: "
      "nothing is "
      "fetched.\n\nExit codes: 0 fine · 1 a bug of ours · 2 the file or the command is wrong · 3 "
      "prices differ");
  add_prices_cost(*command, code);
  auto flags = std::make_shared<PricesFlags>();
  const auto common = [&](CLI::App* verb) {
    verb->add_option("file", flags->file, "the price file")->required();
    verb->add_option("--provider", flags->provider, "only this one, by our name of it");
  };
  auto* differ = command->add_subcommand("diff", "shows where the catalogue says something else");
  common(differ);
  differ->callback([flags, &code] { code = diff(*flags); });
  auto* take =
      command->add_subcommand("import", "writes its prices as a file that weir run --prices takes");
  common(take);
  take->add_option("-o,--output", flags->output, "the file to write")->required();
  take->callback([flags, &code] { code = import(*flags); });
}

}  // namespace weir::cli
