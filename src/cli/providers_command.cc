// `weir providers`: what each provider can do, and whether one is ready to be used.
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/run_options.h"
#include "config/providers.h"
#include "json/write.h"
#include "runtime/environment.h"
#include "weir/engine.h"

namespace weir::cli {
namespace {

constexpr int kFine = 0, kOurs = 1, kNotReady = 2;
constexpr Tokens kTinyAnswer{16};

/// A provider as a row of the matrix. Of what its models differ in, the best that one of them has.
struct Row {
  std::string name;
  const catalogue::Provider* provider = nullptr;
  bool batch = false;
  int batch_percent = 0;  // of the sync price that a batch costs, of its cheapest model
  catalogue::CacheMode cache = catalogue::CacheMode::kNone;
  catalogue::Stacking stacking = catalogue::Stacking::kUnknown;
};

std::string_view to_text(catalogue::CacheMode mode) {
  switch (mode) {
    case catalogue::CacheMode::kNone: return "none";
    case catalogue::CacheMode::kAutomatic: return "automatic";
    case catalogue::CacheMode::kBreakpoints: return "breakpoints";
  }
  return "none";
}

// What a cached token of a batch costs.
std::string_view to_text(catalogue::Stacking stacking) {
  switch (stacking) {
    case catalogue::Stacking::kMultiply: return "both discounts";
    case catalogue::Stacking::kCacheFullPrice: return "cache price";
    case catalogue::Stacking::kBatchRateOnly: return "batch price";
    case catalogue::Stacking::kNoCacheInBatch: return "no cache in batches";
    case catalogue::Stacking::kUnknown: return "not published";
  }
  return "not published";
}

Row row_of(std::string_view name, const catalogue::Catalogue& catalogue) {
  Row row{.name = std::string(name), .provider = catalogue.find(name)};
  if (row.provider == nullptr) return row;
  row.batch_percent = 100;
  for (const auto& model : row.provider->models) {
    const auto& price = model.prices.front();
    const auto full = price.sync.input.pico_per_token;
    if (row.provider->batch && model.batch) {
      row.batch = true;
      const auto percent = full > 0 ? price.batch.input.pico_per_token * 100 / full : 100;
      row.batch_percent = std::min(row.batch_percent, static_cast<int>(percent));
      if (row.stacking == catalogue::Stacking::kUnknown) row.stacking = model.stacking;
    }
    row.cache = std::max(row.cache, model.cache);
  }
  return row;
}

// Empty where the data built in cannot be read.
std::vector<Row> rows() {
  static const auto kCatalogue = catalogue::Catalogue::built_in();  // the rows point into it
  std::vector<Row> out;
  if (!kCatalogue) return out;
  for (const auto name : config::provider_names()) out.push_back(row_of(name, *kCatalogue));
  return out;
}

void print_table(const std::vector<Row>& all) {
  fmt::print("{:<18}{:<8}{:<12}{:<10}{:<13}{:<21}{:<8}{}\n", "provider", "batch", "requests",
             "costs", "cache", "cached in a batch", "models", "checked");
  for (const auto& row : all) {
    if (row.provider == nullptr || find_adapter(row.name) == nullptr) {
      fmt::print("{:<18}not built in\n", row.name);
      continue;
    }
    const bool both = row.batch && row.cache != catalogue::CacheMode::kNone;
    fmt::print("{:<18}{:<8}{:<12}{:<10}{:<13}{:<21}{:<8}{}\n", row.name, row.batch ? "yes" : "no",
               row.batch ? fmt::format("{}", row.provider->batch->requests_max) : "-",
               row.batch ? fmt::format("{} %", row.batch_percent) : "-", to_text(row.cache),
               both ? to_text(row.stacking) : "-",
               row.provider->other_models ? "any" : fmt::format("{}", row.provider->models.size()),
               row.provider->checked);
  }
}

void write_row(const Row& row, json::Writer& out) {
  out.begin_object().field("provider", row.name);
  const bool built_in = row.provider != nullptr && find_adapter(row.name) != nullptr;
  out.field("built_in", built_in);
  if (built_in) {
    const auto& p = *row.provider;
    out.field("endpoint", p.endpoint).field("key_variable", p.key_variable).key("batch");
    if (!row.batch) {
      out.null();
    } else {
      out.begin_object()
          .field("requests_min", static_cast<std::int64_t>(p.batch->requests_min))
          .field("requests_max", static_cast<std::int64_t>(p.batch->requests_max))
          .field("bytes_max", static_cast<std::int64_t>(p.batch->bytes_max))
          .field("window_s",
                 std::chrono::duration_cast<std::chrono::seconds>(p.batch->window).count())
          .field("price_percentage", std::int64_t{row.batch_percent})
          .field("mixed_models", p.batch->mixed_models)
          .field("answer_format", p.batch->answer_format)
          .field("cancel_keeps_results", p.batch->cancel_keeps_results)
          .field("cached_tokens", to_text(row.stacking))
          .end_object();
    }
    out.field("cache", to_text(row.cache))
        .field("cache_breakpoints_max", static_cast<std::int64_t>(p.cache.breakpoints_max))
        .field("models", static_cast<std::int64_t>(p.models.size()))
        .field("other_models", p.other_models.has_value())
        .field("checked", p.checked);
  }
  out.end_object();
}

struct CheckFlags {
  std::string name, model, endpoint;
  bool send = false;
};

// One small request, through the library as any program would send it.
int send_tiny(const CheckFlags& flags, const Row& row) {
  if (flags.model.empty() && row.provider->models.empty()) {
    fmt::print(stderr, "weir: {} has no model of its own to ask (name one with --model)\n",
               row.name);
    return kNotReady;
  }
  const auto& model = flags.model.empty() ? row.provider->models.front().name : flags.model;
  auto engine = Engine::create({.in_memory = true});
  if (!engine) {
    fmt::print(stderr, "weir: {}\n", engine.error().text());
    return kOurs;
  }
  auto chat = (*engine)->model(fmt::format("{}/{}", row.name, model),
                               {.endpoint = flags.endpoint, .output_max = kTinyAnswer});
  Request request;
  request.messages.push_back({Role::kUser, {Text{.text = "Say OK."}}});
  const auto response = chat ? (*chat)->invoke(request) : std::unexpected(chat.error());
  if (!response) {
    fmt::print(stderr, "weir: {}\n", response.error().text());
    return kNotReady;
  }
  fmt::print("{}/{} answers: {} input and {} output tokens, {}\n", row.name, model,
             response->usage.prompt().count, response->usage.output.count, to_usd(response->cost));
  return kFine;
}

int check(const CheckFlags& flags) {
  const auto name = config::canonical_provider(flags.name);
  const auto all = rows();
  const auto row = std::ranges::find(all, name.value_or(""), &Row::name);
  if (row == all.end()) {
    fmt::print(stderr, "weir: '{}' is no provider (weir providers lists them)\n", flags.name);
    return kNotReady;
  }
  if (row->provider == nullptr || find_adapter(row->name) == nullptr) {
    fmt::print(stderr, "weir: {} is not built into this program\n", row->name);
    return kNotReady;
  }
  const auto environment = runtime::environment();
  const auto& variable = row->provider->key_variable;
  const auto key = variable.empty() ? environment.end() : environment.find(variable);
  const bool has_key = key != environment.end() && !key->second.empty();
  fmt::print("{}\n  endpoint  {}\n  key       {}\n  batch     {}\n  cache     {}\n", row->name,
             catalogue::endpoint_of(*row->provider, flags.endpoint).value_or("must be given"),
             variable.empty() ? "of the configuration only"
             : has_key        ? fmt::format("{} is set", variable)
                              : fmt::format("{} is not set", variable),
             row->batch ? fmt::format("{} % of the price, at most {} requests", row->batch_percent,
                                      row->provider->batch->requests_max)
                        : "none",
             to_text(row->cache));
  if (flags.send) return send_tiny(flags, *row);
  return has_key || variable.empty() || row->provider->key_optional ? kFine : kNotReady;
}

}  // namespace

void add_providers(CLI::App& app, int& code) {
  auto* command = app.add_subcommand("providers", "shows what each provider can do");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "as one JSON array");
  command->footer(
      "\nA batch costs so much of the price of single requests. Limits and prices are data: "
      "weir models shows the prices.\n\nExit codes: 0 fine · 1 a bug of ours · 2 not ready, or "
      "the command is wrong");
  auto flags = std::make_shared<CheckFlags>();
  auto* verb = command->add_subcommand("check", "says whether a provider is ready to be used");
  verb->add_option("name", flags->name, "the provider")->required();
  verb->add_flag("--send", flags->send, "sends one tiny request (it is billed)");
  verb->add_option("--model", flags->model, "model of --send (default: the catalogue's first)");
  verb->add_option("--endpoint", flags->endpoint, "base URL (default: the provider's)");
  verb->callback([flags, &code] { code = check(*flags); });
  command->callback([command, json, &code] {
    if (!command->get_subcommands().empty()) return;
    const auto all = rows();
    code = all.empty() ? kOurs : kFine;
    if (!*json) return print_table(all);
    json::Writer out;
    out.begin_array();
    for (const auto& row : all) write_row(row, out);
    out.end_array();
    fmt::print("{}\n", out.take());
  });
}

}  // namespace weir::cli
