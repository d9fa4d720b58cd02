#include "cli/run_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "config/document.h"
#include "config/load.h"
#include "json/write.h"
#include "library/policy.h"
#include "runtime/environment.h"
#include "runtime/posix_files.h"
#include "runtime/price_file.h"

namespace weir::cli {
namespace {

/// What was loaded, and the part of it that this job goes by.
struct Source {
  config::Config config;
  bool from_file = false;
  catalogue::Catalogue catalogue;
  const config::ModelEntry* entry = nullptr;
  const config::Workload* workload = nullptr;
  std::string model;   // of the entry
  std::string prices;  // file, where the configuration names one

  [[nodiscard]] std::string path(std::string_view key) const {
    return fmt::format("llm[{}].configuration.{}", entry - config.llm.data(), key);
  }
  [[nodiscard]] std::string workload_path(std::string_view key) const {
    return fmt::format("workloads[{}].{}", workload - config.workloads.data(), key);
  }
  [[nodiscard]] const config::Origin* origin(const std::string& at) const {
    const auto found = config.origins.find(at);
    return found == config.origins.end() ? nullptr : &found->second;
  }
  /// "weir.yaml:3:5: what", or "what" alone where nobody said it.
  [[nodiscard]] std::string placed(const std::string& at, const std::string& what) const {
    const auto* found = origin(at);
    return found != nullptr ? found->place.text() + ": " + what : what;
  }
};

std::unexpected<Error> wrong(std::string message, std::string hint,
                             ErrorKind kind = ErrorKind::kInvalidArgument) {
  return fail(kind, std::move(message), std::move(hint));
}

bool has_variables(const config::Environment& environment) {
  return std::ranges::any_of(environment, [](const auto& variable) {
    return variable.first.starts_with("LLM_") && !variable.second.empty();
  });
}

// Without a file: the model of the command line with everything switched on, which is what `weir run` is by itself. The variables
// then change it as they would change an entry.
std::string text_of(const catalogue::ModelRef& model) {
  json::Writer w;
  w.begin_object().key("llm").begin_array().begin_object();
  w.field("provider", model.provider->name).key("configuration").begin_object();
  w.field("model", model.model->name).field("batchingEnabled", true).field("cachingEnabled", true);
  w.end_object().end_object().end_array().end_object();
  return w.take();
}

std::unexpected<Error> told(const std::vector<config::Notice>& errors, const std::string& file) {
  auto first = errors.front();
  auto fix = std::exchange(first.fix, "");
  if (errors.size() > 1 && !file.empty())
    fix += fmt::format("; weir config check {} tells all {} errors", file, errors.size());
  return wrong(first.text(), std::move(fix));
}

// The entry of this model, else of its provider. Of several the default one, else the first.
const config::ModelEntry* find_entry(const std::vector<config::ModelEntry>& entries,
                                     const catalogue::ModelRef& model) {
  const auto fitness = [&](const config::ModelEntry& entry) {
    if (entry.provider != model.provider->name) return 0;
    const bool listed = std::ranges::find(entry.models, model.model->name) != entry.models.end();
    return 1 + (entry.is_default ? 1 : 0) + (listed ? 2 : 0);
  };
  const auto best = std::ranges::max_element(entries, {}, fitness);
  return best == entries.end() || fitness(*best) == 0 ? nullptr : &*best;
}

Result<void> choose_workload(Source& source, const RunFlags& flags) {
  if (flags.workload.empty()) return {};
  source.workload = config::find_workload(source.config, flags.workload);
  if (source.workload != nullptr) return {};
  std::vector<std::string> names;
  for (const auto& workload : source.config.workloads) names.push_back(workload.name);
  const auto near = nearest_name(flags.workload, names);
  const auto where = source.from_file ? flags.config_file + ": " : std::string();
  return wrong(fmt::format("{}no workload '{}'", where, flags.workload),
               near ? fmt::format("did you mean '{}'?", *near)
                    : "add it to 'workloads', or give --workload another name",
               ErrorKind::kNotFound);
}

Result<void> choose_entry(Source& source, const RunFlags& flags) {
  const auto& config = source.config;
  if (!flags.options.model.empty()) {
    WEIR_TRY(const auto model, catalogue::resolve(source.catalogue, flags.options.model));
    source.entry = find_entry(config.llm, model);
    source.model = model.model->name;
    if (source.entry == nullptr)
      return wrong(
          fmt::format("{}: 'llm' has no entry of {}", flags.config_file, model.provider->name),
          "add one, or leave --config or --model out", ErrorKind::kNotFound);
    return {};
  }
  source.entry = source.workload != nullptr ? config::entry_of(config, *source.workload)
                                            : config::default_entry(config.llm);
  if (source.entry == nullptr)
    return wrong(fmt::format("{}: 'llm' names no model", flags.config_file),
                 "add an entry, or give --model", ErrorKind::kNotFound);
  const bool named = source.workload != nullptr && source.workload->model;
  source.model = named ? *source.workload->model : source.entry->models.front();
  return {};
}

// Null: there is nothing to take.
Result<std::unique_ptr<Source>> load(const RunFlags& flags) {
  const auto environment = runtime::environment();
  auto source = std::make_unique<Source>();
  source->from_file = !flags.config_file.empty();
  if (!source->from_file && flags.workload.empty() && !has_variables(environment)) return nullptr;
  WEIR_TRY(source->catalogue, runtime::catalogue_with(flags.options.prices_path));
  std::string text;
  if (source->from_file) {
    WEIR_TRY(text, runtime::read_whole_file(flags.config_file, config::kFileBytesMax));
  } else {
    const auto model = catalogue::resolve(source->catalogue, flags.options.model);
    if (!model) return nullptr;  // whoever resolves it for the run says why
    text = text_of(*model);
  }
  auto loaded = config::load(text, flags.config_file, environment, {}, source->catalogue);
  if (!loaded.ok()) return told(loaded.errors, flags.config_file);
  source->prices = config::prices_file(loaded.config, flags.config_file);
  if (!source->prices.empty() && flags.options.prices_path.empty()) {
    auto catalogue = runtime::catalogue_with(source->prices);
    if (!catalogue)
      return std::unexpected(config::at_key(loaded.config, "prices", catalogue.error()));
    source->catalogue = std::move(*catalogue);
    loaded = config::load(text, flags.config_file, environment, {}, source->catalogue);
    if (!loaded.ok()) return told(loaded.errors, flags.config_file);
  }
  source->config = std::move(loaded.config);
  return source;
}

/// Gives options that the command line left open.
class Filling {
 public:
  Filling(CLI::App& run, const Source& source) : run_(run), source_(source) {}

  /// @param at the key that the value is from, for messages.
  void give(const std::string& name, const std::string& value, const std::string& at) {
    auto* option = run_.get_option(name);
    if (option->count() > 0 || !fault_.empty()) return;
    try {
      option->add_result(value);
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      fault_ = source_.placed(at, fmt::format("{} cannot be '{}': {}", name, value, error.what()));
    }
  }
  void give(const std::string& name, std::chrono::seconds value, const std::string& at) {
    give(name, fmt::format("{}s", value.count()), at);
  }
  void give(const std::string& name, std::uint64_t value, const std::string& at) {
    give(name, std::to_string(value), at);
  }
  [[nodiscard]] Result<void> outcome() const {
    if (fault_.empty()) return {};
    return wrong(fault_, "correct the value");
  }

 private:
  CLI::App& run_;
  const Source& source_;
  std::string fault_;
};

Result<void> give_model(Filling& fill, const Source& source, const RunFlags& flags) {
  const auto& entry = *source.entry;
  const auto at = source.path("model");
  const auto name = entry.provider + "/" + source.model;
  const auto known = catalogue::resolve(source.catalogue, name);
  if (!known) {
    auto error = known.error();
    error.message = source.placed(at, error.message);
    return std::unexpected(std::move(error));
  }
  if (find_adapter(entry.provider) == nullptr)
    return wrong(source.placed(at, fmt::format("this build has no adapter for {}", entry.provider)),
                 "name another entry with --model", ErrorKind::kUnsupported);
  fill.give("--model", name, at);
  if (entry.endpoint) fill.give("--endpoint", *entry.endpoint, source.path("endpoint"));
  if (!entry.temperature || flags.options.temperature) return {};
  if (!known->model->temperature_allowed)
    return wrong(source.placed(source.path("temperature"),
                               fmt::format("{} takes no temperature", source.model)),
                 "leave 'temperature' out of this entry");
  fill.give("--temperature", fmt::format("{}", *entry.temperature), source.path("temperature"));
  return {};
}

// What holds by itself stays unsaid where `weir run` has a better value of its own: a batch may take as long as the provider lets it,
// and a large one needs more than half a minute to be uploaded.
void give_policy(Filling& fill, const Source& source, const library::JobPolicy& policy) {
  const auto& limits = policy.limits;
  const auto set = [&](std::string_view key) { return source.origin(source.path(key)) != nullptr; };
  if (policy.wish != plan::RouteWish::kAuto)
    fill.give("--route", policy.wish == plan::RouteWish::kBatch ? "batch" : "sync",
              source.path("optimizationStrategy"));
  if (!policy.caching) fill.give("--no-cache", "false", source.path("cachingEnabled"));
  if (policy.contents != plan::ContentWish::kAuto)
    fill.give("--cache-strategy",
              policy.contents == plan::ContentWish::kPrefer ? "explicit" : "automatic",
              source.path("cacheStrategy"));
  if (!policy.fallback) fill.give("--no-fallback", "false", source.path("fallbackToStandard"));
  if (set("batchTimeoutSeconds"))
    fill.give("--batch-timeout", source.entry->batch_timeout, source.path("batchTimeoutSeconds"));
  if (set("fallbackTimeoutSeconds"))
    fill.give("--fallback-timeout", source.entry->fallback_timeout,
              source.path("fallbackTimeoutSeconds"));
  if (limits.cache_ttl)
    fill.give("--cache-ttl", std::chrono::ceil<std::chrono::seconds>(*limits.cache_ttl),
              source.path("cacheTTL"));
  if (limits.cache_prefix_min.count > 0)
    fill.give("--cache-tokens-min", static_cast<std::uint64_t>(limits.cache_prefix_min.count),
              source.path("cacheMinTokens"));
  if (!source.from_file) return;
  fill.give("--batch-size-max", limits.batch_size_max, source.path("batchMaxSize"));
  fill.give("--batch-poll", source.entry->batch_poll_interval,
            source.path("batchPollIntervalSeconds"));
  fill.give("--breakpoints-max", limits.breakpoints_max, source.path("cacheMaxBreakpoints"));
}

void give_workload(Filling& fill, const Source& source, std::vector<std::string>& warnings) {
  if (source.workload == nullptr) return;
  const auto& workload = *source.workload;
  if (workload.deadline)
    fill.give("--deadline", std::chrono::ceil<std::chrono::seconds>(*workload.deadline),
              source.workload_path("deadline"));
  if (workload.budget.usd)
    fill.give("--spend-max", to_usd(*workload.budget.usd), source.workload_path("budget.usd"));
  if (workload.retries_max)
    fill.give("--retries", *workload.retries_max, source.workload_path("retries"));
  if (workload.rollout < 100)
    warnings.push_back(
        source.placed(source.workload_path("rollout"),
                      "'rollout' has no effect on weir run: all items of a job go the same way"));
}

std::vector<std::string> warnings_of(const Source& source) {
  std::vector<std::string> out;
  for (const auto& warning : source.config.warnings)
    // A text that nobody wrote has no places to show.
    if (source.from_file || warning.place.line == 0) out.push_back(warning.text());
  return out;
}

void take_key(const Source& source, RunFlags& flags) {
  flags.settings = source.entry->extra;
  if (!source.entry->api_key || !flags.options.key_file.empty()) return;
  flags.options.api_key = *source.entry->api_key;
  if (const auto* origin = source.origin(source.path("apiKey")))
    flags.options.key_place = origin->text();
}

// The two variables that win over flags too: for this start, so what the folder keeps stays as it was given.
void switch_off(CLI::App& run, const Source& source, RunFlags& flags,
                std::vector<std::string>& warnings) {
  const auto off = [&](std::string_view key, bool enabled) {
    const auto* origin = source.origin(source.path(key));
    return !enabled && origin != nullptr && origin->kind == config::Origin::Kind::kEnvironment &&
           !origin->adjusted;
  };
  if (off("batchingEnabled", source.entry->batching_enabled)) {
    if (flags.route == "batch")
      warnings.emplace_back("LLM_BATCHING_ENABLED=false wins over --route batch");
    flags.route = "sync";
  }
  if (off("cachingEnabled", source.entry->caching_enabled)) {
    if (run.get_option("--no-cache")->count() > 0 && flags.options.caching)
      warnings.emplace_back("LLM_CACHING_ENABLED=false wins over --no-cache=false");
    flags.options.caching = false;
  }
}

}  // namespace

Result<std::vector<std::string>> take_from_config(CLI::App& run, RunFlags& flags) {
  WEIR_TRY(const auto source, load(flags));
  if (source && !source->prices.empty() && flags.options.prices_path.empty()) {
    flags.options.prices_path = source->prices;
    flags.options.prices_asked = false;
  }
  std::vector<std::string> warnings;
  if (source) {
    WEIR_CHECK(choose_workload(*source, flags));
    WEIR_CHECK(choose_entry(*source, flags));
    warnings = warnings_of(*source);
    auto optimization = library::optimization_of(*source->entry, source->workload);
    const bool watched = source->workload != nullptr && source->workload->observe;
    if (source->config.observe || watched) optimization.strategy = Strategy::kDisabled;
    Filling fill(run, *source);
    WEIR_CHECK(give_model(fill, *source, flags));
    WEIR_TRY(const auto known, catalogue::resolve(source->catalogue, flags.options.model));
    give_policy(
        fill, *source,
        library::policy_of(optimization, capabilities(known.provider->name, known.model->name),
                           known.model->stacking));
    give_workload(fill, *source, warnings);
    WEIR_CHECK(fill.outcome());
    take_key(*source, flags);
  }
  flags.options.command = given_options(run);
  if (source) switch_off(run, *source, flags, warnings);
  return warnings;
}

Result<std::vector<std::string>> take_again_from_config(CLI::App& run, RunFlags& flags) {
  WEIR_TRY(const auto source, load(flags));
  std::vector<std::string> warnings;
  if (!source) return warnings;
  WEIR_CHECK(choose_entry(*source, flags));
  take_key(*source, flags);
  switch_off(run, *source, flags, warnings);
  return warnings;
}

}  // namespace weir::cli
