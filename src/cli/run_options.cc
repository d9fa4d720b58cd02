#include "cli/run_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "cli/run_config.h"
#include "config/provider_settings.h"
#include "runtime/environment.h"
#include "weir_registry.h"

namespace weir::cli {
namespace {

// CLI11 reads "-1" into an unsigned value as a huge one: the ranges refuse it.
constexpr std::uint64_t kCountMin = 1, kConcurrencyMax = 512, kLimitMax = 1'000'000'000'000,
                        kBatchSizeMax = 1'000'000, kBreakpointsMax = 32, kRetriesMax = 20;

void add_input_options(CLI::App& run, RunFlags& flags) {
  auto& o = flags.options;
  run.add_option(
         "input", o.input,
         "JSONL, CSV, a folder of text files, ready-made request lines, or - for standard input")
      ->required();
  run.add_option("-m,--model", o.model,
                 "PROVIDER/MODEL, such as anthropic/claude-sonnet-5 (weir models lists them; "
                 "default: the configuration's)");
  run.add_option(
      "-o,--output", o.output,
      "answers as JSONL, in input order; the job's state stands beside it in OUTPUT.weir/");
  run.add_option("-p,--prompt", o.prompt_path,
                 "prompt template: Markdown with {{field}} placeholders, static part first");
  run.add_option("--reorder", o.reorder,
                 "fields whose lines of the prompt may change places, so that records share longer "
                 "cached prefixes")
      ->delimiter(',')
      ->type_name("FIELD,…");
  run.add_option("-s,--schema", o.schema_path, "JSON Schema that every answer must follow");
  run.add_option("--format", flags.format,
                 "of the input: auto, jsonl, csv, folder, openAI-batch, openAI-responses, "
                 "anthropic-batch")
      ->capture_default_str();
  run.add_option("--id-field", o.id_field, "field that holds the id (default: id, else line-N)");
  run.add_option("--limit", o.limit, "only the first N records")
      ->check(CLI::Range(kCountMin, kLimitMax));
  run.add_option("--label", o.label,
                 "field of the input that holds the true value of the answer's field of that name: "
                 "the receipt states the accuracy");
}

void add_policy_options(CLI::App& run, RunFlags& flags) {
  auto& o = flags.options;
  run.add_option("--route", flags.route, "auto: the cheapest that meets the deadline")
      ->check(CLI::IsMember({"auto", "sync", "batch"}))
      ->capture_default_str();
  run.add_option(
      "--deadline", flags.deadline,
      "when the answers must be there, counted from the job's first start: 90s, 15m, 24h, 2d");
  run.add_flag("!--no-fallback", o.fallback,
               "where a batch cannot do it, items fail instead of going by the standard API");
  run.add_option(
      "--batch-timeout", flags.batch_timeout,
      "the longest life of a batch; what it leaves over goes by the standard API (default: the "
      "provider's window)");
  run.add_option("--fallback-timeout", flags.fallback_timeout,
                 "the longest time to submit a batch, before its items go by the standard API "
                 "(default 30m)");
  run.add_option("--batch-size-max", o.limits.batch_size_max,
                 "requests in a batch at most (default: the provider's limit)")
      ->check(CLI::Range(kCountMin, kBatchSizeMax));
  run.add_option("--batch-poll", flags.batch_poll,
                 "the longest time between two looks at a batch (default: the provider's)");
  run.add_flag("!--no-cache", o.caching, "leave the prompt cache alone");
  run.add_option(
         "--cache-strategy", flags.cache_strategy,
         "of gemini and vertexAI, for the standard API: auto makes a cached content where it "
         "saves more than the automatic cache is expected to, explicit where it saves more "
         "than no cache would, automatic none")
      ->check(CLI::IsMember({"auto", "explicit", "automatic"}))
      ->capture_default_str();
  run.add_option("--cache-ttl", flags.cache_ttl,
                 "how long a written prefix should live, rounded up to what the provider has "
                 "(default: what pays most)");
  run.add_option("--cache-tokens-min", flags.cache_tokens_min,
                 "no shorter prefix is marked (default: the model's own minimum)")
      ->check(CLI::NonNegativeNumber);
  run.add_option("--breakpoints-max", o.limits.breakpoints_max,
                 "cache marks in a request at most (default: the provider's limit)")
      ->check(CLI::Range(std::uint64_t{0}, kBreakpointsMax));
  run.add_option("--cache-hits", o.hits_path,
                 "file that jobs share: how often batches hit the cache is read from it before "
                 "planning, and added to it");
  run.add_option(
      "--spend-max", flags.spend_max,
      "dollars: every attempt reserves the most it can cost; stops before it would pass this");
  run.add_option("--max-tokens", o.output_max, "output limit of an answer (default 1024)");
  run.add_option("--temperature", o.temperature, "sampling temperature, for models that take one");
  run.add_option("--concurrency", o.concurrency, "sync requests in flight at most")
      ->check(CLI::Range(kCountMin, kConcurrencyMax))
      ->capture_default_str();
  run.add_option("--retries", o.retries_max, "further attempts at an item that failed (default: 3)")
      ->check(CLI::Range(std::uint64_t{0}, kRetriesMax));
  run.add_flag("--dedup", o.dedup,
               "send identical requests once, and answer all of them with the one answer");
  run.add_flag("--strict", o.strict, "send nothing if any input record is no good");
  run.add_flag("--dry-run", o.dry_run,
               "read and check everything, show the plan and the expected cost, send nothing");
  run.add_flag("--restart", o.restart,
               "forget the job behind the output and begin again (what was spent is spent)");
}

void add_connection_options(CLI::App& run, RunFlags& flags) {
  auto& o = flags.options;
  run.add_option("--config", flags.config_file,
                 "configuration (YAML or JSON): gives what the command line leaves open; weir "
                 "config schema prints its keys");
  run.add_option("--workload", flags.workload, "the workload of the configuration that this is");
  run.add_option("--endpoint", o.endpoint, "base URL instead of the provider's own");
  run.add_option(
      "--prices", o.prices_path,
      "prices of your own, over the catalogue's: a file that weir prices import wrote, or "
      "one like it");
  run.add_option("--key-file", o.key_file,
                 "file with the API key (default: the configuration's, else the provider's "
                 "environment variable)");
  run.add_option("--set", flags.set,
                 "a setting that only this provider has, such as accountId=acme; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  auto* listen = run.add_option(
      "--webhook-listen", o.webhook_listen,
      "HOST:PORT where the provider's signed webhooks are taken: a batch that ended is "
      "read at once (polls stay)");
  run.add_option("--webhook-secret-file", o.webhook_secret_file,
                 "file with their secret, whsec_… (default: the environment variable "
                 "WEIR_WEBHOOK_SECRET)")
      ->needs(listen);
  run.add_option("--clock", o.clock, "sim:URL puts Weir on a simulator's clock (loopback only)");
  run.add_option("--timeout", flags.timeout, "the longest wait for one answer, in real time")
      ->capture_default_str();
  run.add_flag("--json", o.json, "events and the receipt as JSON lines on stdout");
  run.add_flag("-q,--quiet", o.quiet, "no progress and no notes");
}

// Of one start only: they say nothing about the job.
constexpr std::array<std::string_view, 5> kNotKept{"help", "restart", "dry-run", "json", "quiet"};
constexpr std::array<std::string_view, 9> kPaths{"input",  "output",   "prompt",
                                                 "schema", "key-file", "cache-hits",
                                                 "config", "prices",   "webhook-secret-file"};

std::string name_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name() : option.get_lnames().front();
}

// Nothing when the flag was given and says what its absence says (--strict=false).
std::optional<bulk::KeptOption> kept(const CLI::Option& option) {
  const auto name = name_of(option);
  bulk::KeptOption out{.name = option.get_lnames().empty() ? name : "--" + name};
  if (option.get_expected_max() == 0) {
    const std::string plain = option.get_fnames().empty() ? "true" : "false";
    if (option.results().empty() || option.results().back() != plain) return std::nullopt;
    return out;
  }
  for (auto value : option.results()) {
    std::error_code code;
    const bool path = std::ranges::find(kPaths, name) != kPaths.end();
    if (path && value != "-") value = std::filesystem::absolute(value, code).string();
    out.values.push_back(std::move(value));
  }
  return out;
}

// The command line is kept beside the output, and others can see it while the program runs: no secret stands there.
Result<void> read_settings(RunFlags& flags) {
  std::map<std::string, std::string> given = flags.settings;
  std::set<std::string> on_line;
  for (const auto& text : flags.set) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(ErrorKind::kInvalidArgument, fmt::format("--set '{}' is no setting", text),
                  "such as --set accountId=acme");
    given[text.substr(0, equals)] = text.substr(equals + 1);
    on_line.insert(text.substr(0, equals));
  }
  const auto provider = flags.options.model.substr(0, flags.options.model.find('/'));
  WEIR_TRY(flags.options.settings,
           config::provider_settings(provider, runtime::environment(), given));
  for (const auto& setting : flags.options.settings.all())
    if (setting.secret && on_line.contains(setting.name))
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("--set {}: a secret does not belong on a command line", setting.name),
                  "give it by the environment or by a configuration");
  return {};
}

}  // namespace

const provider::Adapter* find_adapter(std::string_view name) {
  for (const auto& known : providers::registered())
    if (known.name == name) return &known.get();
  return nullptr;
}

void add_run_options(CLI::App& run, RunFlags& flags) {
  add_input_options(run, flags);
  add_policy_options(run, flags);
  add_connection_options(run, flags);
}

Result<void> read_values(RunFlags& flags) {
  auto& options = flags.options;
  if (options.model.empty())
    return fail(ErrorKind::kInvalidArgument, "no model",
                "give --model PROVIDER/MODEL, or --config FILE with an entry of llm");
  WEIR_TRY(options.format, bulk::parse_format(flags.format));
  if (flags.cache_strategy == "explicit") options.contents = plan::ContentWish::kPrefer;
  if (flags.cache_strategy == "automatic") options.contents = plan::ContentWish::kNever;
  if (flags.route == "sync") options.route = plan::RouteWish::kSync;
  if (flags.route == "batch") options.route = plan::RouteWish::kBatch;
  const auto duration = [](std::string_view name, const std::string& text) -> Result<Duration> {
    if (const auto value = parse_duration(text); value && *value > Duration(0)) return *value;
    return fail(ErrorKind::kInvalidArgument, fmt::format("{} '{}' is no duration", name, text),
                "such as 90s, 15m, 24h or 2d");
  };
  struct Optional {
    std::string_view name;
    const std::string& text;
    std::optional<Duration>& value;
  };
  for (const Optional& o :
       {Optional{"--deadline", flags.deadline, options.deadline},
        Optional{"--batch-timeout", flags.batch_timeout, options.batch_timeout},
        Optional{"--fallback-timeout", flags.fallback_timeout, options.fallback_timeout},
        Optional{"--cache-ttl", flags.cache_ttl, options.limits.cache_ttl}}) {
    if (!o.text.empty()) {
      WEIR_TRY(o.value, duration(o.name, o.text));
    }
  }
  if (!flags.batch_poll.empty()) {
    WEIR_TRY(options.limits.poll_max, duration("--batch-poll", flags.batch_poll));
  }
  options.limits.cache_prefix_min = Tokens{flags.cache_tokens_min};
  options.config_path = flags.config_file;
  WEIR_TRY(const auto timeout, duration("--timeout", flags.timeout));
  options.request_timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout);
  if (!flags.spend_max.empty()) {
    auto money = parse_usd(flags.spend_max);
    if (!money)
      return fail(ErrorKind::kInvalidArgument, "--spend-max " + money.error().message,
                  "dollars, such as 5.00");
    options.spend_max = *money;
  }
  return read_settings(flags);
}

std::vector<bulk::KeptOption> given_options(const CLI::App& run) {
  std::vector<bulk::KeptOption> out;
  for (const auto* option : run.get_options()) {
    if (option->count() == 0 || std::ranges::find(kNotKept, name_of(*option)) != kNotKept.end())
      continue;
    if (auto one = kept(*option)) out.push_back(std::move(*one));
  }
  return out;
}

Result<bulk::RunOptions> read_command(const bulk::KeptCommand& command) {
  std::vector<std::string> arguments, positional;
  for (const auto& option : command.options) {
    if (!option.name.starts_with("--")) {
      positional.insert(positional.end(), option.values.begin(), option.values.end());
      continue;
    }
    if (option.values.empty()) arguments.push_back(option.name);
    for (const auto& value : option.values) arguments.push_back(option.name + "=" + value);
  }
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), positional.begin(), positional.end());
  std::ranges::reverse(arguments);  // as CLI11 wants them
  CLI::App app("", "run");
  RunFlags flags;
  add_run_options(app, flags);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return fail(
        ErrorKind::kInvalidArgument,
        fmt::format("the command line kept in {} cannot be read: {}", command.folder, error.what()),
        "another version of Weir kept it: run the same weir run command instead");
  }
  WEIR_TRY(const auto warnings, take_again_from_config(app, flags));
  for (const auto& warning : warnings) fmt::print(stderr, "weir: warning: {}\n", warning);
  WEIR_CHECK(read_values(flags));
  return std::move(flags.options);
}

}  // namespace weir::cli
