#include <fmt/format.h>

#include "bulk/run.h"
#include "cli/commands.h"
#include "weir_registry.h"

namespace weir::cli {
namespace {

// CLI11 reads "-1" into an unsigned value as a huge one: the ranges refuse it.
constexpr std::uint64_t kCountMin = 1, kConcurrencyMax = 512, kLimitMax = 1'000'000'000'000;

struct RunFlags {
  bulk::RunOptions options;
  std::string format = "auto", route = "auto", deadline, batch_timeout, fallback_timeout, spend_max,
              timeout = "10m";
};

const provider::Adapter* find_adapter(std::string_view name) {
  for (const auto& known : providers::registered())
    if (known.name == name) return &known.get();
  return nullptr;
}

// Values that CLI11 cannot read by itself. @error kInvalidArgument names the option.
Result<void> read_values(RunFlags& flags) {
  auto& options = flags.options;
  WEIR_TRY(options.format, bulk::parse_format(flags.format));
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
        Optional{"--fallback-timeout", flags.fallback_timeout, options.fallback_timeout}}) {
    if (!o.text.empty()) {
      WEIR_TRY(o.value, duration(o.name, o.text));
    }
  }
  WEIR_TRY(const auto timeout, duration("--timeout", flags.timeout));
  options.request_timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout);
  if (!flags.spend_max.empty()) {
    auto money = parse_usd(flags.spend_max);
    if (!money)
      return fail(ErrorKind::kInvalidArgument, "--spend-max " + money.error().message,
                  "dollars, such as 5.00");
    options.spend_max = *money;
  }
  return {};
}

void add_input_options(CLI::App& run, RunFlags& flags) {
  auto& o = flags.options;
  run.add_option(
         "input", o.input,
         "JSONL, CSV, a folder of text files, ready-made request lines, or - for standard input")
      ->required();
  run.add_option("-m,--model", o.model,
                 "PROVIDER/MODEL, such as anthropic/claude-sonnet-5 (weir models lists them)")
      ->required();
  run.add_option(
      "-o,--output", o.output,
      "answers as JSONL, in input order; the job's state stands beside it in OUTPUT.weir/");
  run.add_option("-p,--prompt", o.prompt_path,
                 "prompt template: Markdown with {{field}} placeholders, static part first");
  run.add_option("-s,--schema", o.schema_path, "JSON Schema that every answer must follow");
  run.add_option("--format", flags.format,
                 "of the input: auto, jsonl, csv, folder, openAI-batch, anthropic-batch")
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
  run.add_flag("!--no-cache", o.caching, "leave the prompt cache alone");
  run.add_option(
      "--spend-max", flags.spend_max,
      "dollars: every attempt reserves the most it can cost; stops before it would pass this");
  run.add_option("--max-tokens", o.output_max, "output limit of an answer (default 1024)");
  run.add_option("--temperature", o.temperature, "sampling temperature, for models that take one");
  run.add_option("--concurrency", o.concurrency, "sync requests in flight at most")
      ->check(CLI::Range(kCountMin, kConcurrencyMax))
      ->capture_default_str();
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
  run.add_option("--endpoint", o.endpoint, "base URL instead of the provider's own");
  run.add_option("--key-file", o.key_file,
                 "file with the API key (default: the provider's environment variable)");
  run.add_option("--clock", o.clock, "sim:URL puts Weir on a simulator's clock (loopback only)");
  run.add_option("--timeout", flags.timeout, "the longest wait for one answer, in real time")
      ->capture_default_str();
  run.add_flag("--json", o.json, "events and the receipt as JSON lines on stdout");
  run.add_flag("-q,--quiet", o.quiet, "no progress and no notes");
}

}  // namespace

void add_run(CLI::App& app, int& code) {
  auto flags = std::make_shared<RunFlags>();
  auto* run = app.add_subcommand("run", "answers every document of an input, at the lowest price");
  add_input_options(*run, *flags);
  add_policy_options(*run, *flags);
  add_connection_options(*run, *flags);
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
      "  cat docs.jsonl | weir run - -m openAI/gpt-5.4-nano -p prompt.md -o answers.jsonl "
      "--dry-run");
  run->callback([flags, &code] {
    if (auto read = read_values(*flags); !read) {
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

void add_models(CLI::App& app, int& code) {
  auto* models =
      app.add_subcommand("models", "lists the models of the catalogue with their prices");
  models->callback([&code] {
    const auto catalogue = catalogue::Catalogue::built_in();
    if (!catalogue) {
      fmt::print(stderr, "weir: {}\n", catalogue.error().text());
      code = 1;
      return;
    }
    fmt::print("{:<40} {:>10} {:>10} {:>10}  {:<6} {:<12} as of\n", "dollars per million tokens",
               "input", "output", "cache read", "batch", "cache");
    for (const auto& provider : catalogue->providers())
      for (const auto& model : provider.models) {
        const auto& row = model.prices.front();
        const auto price = [](std::optional<Price> p) {
          return p ? to_usd(Money{p->pico_per_token * 1'000'000}) : std::string("-");
        };
        fmt::print("{:<40} {:>10} {:>10} {:>10}  {:<6} {:<12} {}\n",
                   provider.name + "/" + model.name, price(row.sync.input), price(row.sync.output),
                   price(row.sync.cache_read), model.batch ? "yes" : "no",
                   model.cache == catalogue::CacheMode::kNone        ? "none"
                   : model.cache == catalogue::CacheMode::kAutomatic ? "automatic"
                                                                     : "breakpoints",
                   row.as_of);
      }
  });
}

}  // namespace weir::cli
