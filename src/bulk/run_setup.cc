#include "bulk/run_setup.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/hash.h"
#include "bulk/hits_file.h"
#include "bulk/kept_command.h"
#include "runtime/posix_files.h"
#include "runtime/price_file.h"

namespace weir::bulk {
namespace {

constexpr std::size_t kPromptBytesMax = 16U << 20;
constexpr std::chrono::days kPriceAgeMax{180};

Result<void> check_plain_options(const RunOptions& options) {
  const auto bad = [](std::string message, std::string hint) {
    return fail(ErrorKind::kInvalidArgument, std::move(message), std::move(hint));
  };
  if (options.output.empty() && !options.dry_run) return bad("no output file", "give -o FILE");
  if (options.concurrency == 0 || options.concurrency > 512)
    return bad(fmt::format("--concurrency {} is out of range", options.concurrency), "1 to 512");
  if (options.output_max && *options.output_max < 1)
    return bad("--max-tokens must be at least 1", "for example 1024");
  if (options.spend_max && options.spend_max->pico <= 0)
    return bad("--spend-max must be more than 0", "for example 5.00");
  return {};
}

// The output is written from its start, and --restart removes it: it must be no file that the job reads.
Result<void> check_output(const RunOptions& options) {
  namespace fs = std::filesystem;
  const auto& output = options.output;
  const auto bad = [&](std::string_view what) {
    return fail(ErrorKind::kInvalidArgument, fmt::format("the output {} is {}", output, what),
                "choose another output file");
  };
  std::error_code ignored;
  if (output.empty()) return {};
  if (fs::is_directory(output, ignored)) return bad("a folder");
  const auto same = [&](const std::string& path) {
    return !path.empty() && fs::equivalent(path, output, ignored);
  };
  if (same(options.input)) return bad("the input as well");
  if (same(options.prompt_path)) return bad("the prompt as well");
  if (same(options.schema_path)) return bad("the schema as well");
  if (same(options.key_file)) return bad("the key file as well");
  if (same(options.hits_path)) return bad("the file of cache hits as well");
  if (same(options.config_path)) return bad("the configuration as well");
  if (!fs::is_directory(options.input, ignored)) return {};
  const auto folder = fs::canonical(options.input, ignored);
  const auto inside =
      fs::weakly_canonical(fs::absolute(output, ignored), ignored).lexically_relative(folder);
  if (inside.empty() || *inside.begin() == "..") return {};
  return bad("in the input folder, so it would be read as a document");
}

// What a file should have been, where the error does not say how to mend it.
Error about_option(Error error, std::string_view option) {
  if (error.hint.empty()) error.hint = fmt::format("check {}", option);
  return error;
}

Result<std::string> read_option_file(const std::string& path, std::string_view option) {
  auto bytes = runtime::read_whole_file(path, kPromptBytesMax);
  if (!bytes) return std::unexpected(about_option(std::move(bytes).error(), option));
  return bytes;
}

Result<void> load_prompt(const RunOptions& options, RunSetup& setup) {
  if (!options.prompt_path.empty()) {
    WEIR_TRY(setup.prompt_text, read_option_file(options.prompt_path, "--prompt"));
    auto parsed = prompt::Template::parse(setup.prompt_text);
    if (!parsed) {
      auto error = std::move(parsed).error();
      error.message = fmt::format("{}: {}", options.prompt_path, error.message);
      return std::unexpected(about_option(std::move(error), "--prompt"));
    }
    setup.prompt = std::make_unique<prompt::Template>(std::move(*parsed));
  }
  if (!options.reorder.empty()) {
    if (!setup.prompt)
      return fail(ErrorKind::kInvalidArgument, "--reorder needs a prompt whose lines may move",
                  "ready-made requests pass as they are");
    if (auto moved = setup.prompt->make_movable(options.reorder); !moved) {
      auto error = std::move(moved).error();
      error.message = fmt::format("--reorder: {}: {}", options.prompt_path, error.message);
      return std::unexpected(std::move(error));
    }
  }
  if (options.schema_path.empty()) return {};
  WEIR_TRY(const auto text, read_option_file(options.schema_path, "--schema"));
  auto schema = prompt::AnswerSchema::parse(text);
  if (!schema) {
    auto error = std::move(schema).error();
    error.message = fmt::format("{}: {}", options.schema_path, error.message);
    return std::unexpected(about_option(std::move(error), "--schema"));
  }
  setup.schema = std::make_unique<prompt::AnswerSchema>(std::move(*schema));
  return {};
}

// A job keeps the prices that it began with.
Result<void> load_prices(const RunOptions& options, RunSetup& setup) {
  const auto kept = kept_prices_path(setup.folder);
  const bool begun = !options.restart && !options.output.empty() &&
                     std::filesystem::exists(kept_command_path(setup.folder));
  if (!options.prices_path.empty()) {
    WEIR_TRY(setup.prices_text,
             runtime::read_whole_file(options.prices_path, runtime::kPricesBytesMax));
  }
  if (begun) {
    std::string before;
    if (std::filesystem::exists(kept)) {
      WEIR_TRY(before, runtime::read_whole_file(kept, runtime::kPricesBytesMax));
    }
    if (options.prices_asked && !options.prices_path.empty() && before != setup.prices_text)
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("--prices: {} is not what the job began with", options.prices_path),
                  "leave --prices out to go on with those, or begin again with --restart");
    setup.prices_text = std::move(before);
  }
  if (setup.prices_text.empty()) return {};
  return setup.catalogue.overlay(options.prices_path.empty() ? kept : options.prices_path,
                                 setup.prices_text);
}

bool needs_no_prompt(Format format) { return is_request_format(format) || format == Format::kAuto; }

// Lines that are ready for an API choose it by themselves.
const provider::Adapter& adapter_for(const provider::Adapter& adapter, llm::Dialect dialect) {
  if (dialect != llm::Dialect::kOpenAIResponses) return adapter;
  provider::Settings chosen;
  chosen.set("api", "responses");
  return adapter.chosen_by(chosen);
}

// Whether the provider takes a ready-made request is known only to its adapter: encoded once, to see.
Result<void> check_ready_made(const RunSetup& setup, const Record& record, llm::Request& request) {
  std::string encoded;
  request.model = setup.model.model->name;
  const auto& adapter = adapter_for(*setup.adapter, request.raw->dialect);
  auto done = adapter.encode_item(record.id, request, encoded);
  if (done) return {};
  auto error = std::move(done).error();
  error.message = fmt::format("line {}: {}", record.ref.line, error.message);
  return std::unexpected(std::move(error));
}

}  // namespace

RequestShape RunSetup::shape(const RunOptions& options) const {
  RequestShape shape{.prompt = prompt.get(), .schema = schema.get()};
  if (options.output_max) shape.output_max = Tokens{*options.output_max};
  shape.temperature = options.temperature;
  if (options.caching && prompt && !prompt->static_part().empty())
    shape.cache_key = "weir-" + content_digest(prompt->static_part()).substr(0, 20);
  return shape;
}

Result<std::unique_ptr<RunSetup>> make_setup(const RunOptions& options,
                                             const FindAdapter& find_adapter) {
  auto setup = std::make_unique<RunSetup>();
  WEIR_CHECK(check_plain_options(options));
  WEIR_CHECK(check_output(options));
  WEIR_TRY(setup->catalogue, catalogue::Catalogue::built_in());
  setup->folder = options.output + ".weir";
  WEIR_CHECK(load_prices(options, *setup));
  WEIR_TRY(const auto known, catalogue::resolve(setup->catalogue, options.model));
  setup->provider = plan::narrowed(*known.provider, options.limits);
  setup->limited = plan::narrowed(*known.model, options.limits);
  setup->model = {.provider = &setup->provider,
                  .model = {std::shared_ptr<void>(), &setup->limited}};
  setup->adapter = find_adapter(setup->model.provider->name);
  if (setup->adapter == nullptr)
    return fail(ErrorKind::kUnsupported,
                fmt::format("this build has no adapter for {}", setup->model.provider->name));
  if (options.temperature && !setup->model.model->temperature_allowed)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} takes no temperature", setup->model.model->name),
                "leave --temperature out");
  setup->adapter = &setup->adapter->chosen_by(options.settings);
  WEIR_CHECK(provider::require_settings(*setup->model.provider, options.settings));
  WEIR_TRY(const auto endpoint,
           provider::endpoint_of(*setup->model.provider, options.endpoint, options.settings));
  WEIR_TRY(setup->endpoint, http::parse_url(endpoint));
  WEIR_CHECK(load_prompt(options, *setup));
  if (!setup->prompt && !needs_no_prompt(options.format))
    return fail(ErrorKind::kInvalidArgument, "documents need a prompt", "give --prompt FILE");
  if (setup->schema && !setup->prompt)
    return fail(ErrorKind::kInvalidArgument, "a schema needs a prompt",
                "ready-made requests carry their own schema");
  if (!options.hits_path.empty()) {
    WEIR_TRY(setup->hits, read_hits(options.hits_path));
  }
  std::error_code code;
  setup->input_path =
      options.input == "-" ? "-" : std::filesystem::absolute(options.input, code).string();
  return setup;
}

std::string old_price_note(const catalogue::ModelRef& model, Time now) {
  const auto& row = model.model->price_at(now);
  const auto read = parse_rfc3339(row.as_of + "T00:00:00Z");
  if (!read || now - *read <= kPriceAgeMax) return "";
  return fmt::format(
      "the prices of {}/{} were read on {}, {} days ago: `weir prices diff` looks for newer ones, "
      "--prices takes them",
      model.provider->name, model.model->name, row.as_of,
      std::chrono::floor<std::chrono::days>(now - *read).count());
}

Result<void> connect_clock(const RunOptions& options, RunSetup& setup) {
  auto clock = runtime::make_clock(options.clock);
  if (!clock)
    return std::unexpected(
        about_option(std::move(clock).error(), "--clock: weir sim prints its address"));
  setup.clock = std::move(*clock);
  return {};
}

void choose_api(RunSetup& setup, Format format) {
  if (format == Format::kOpenAIResponses)
    setup.adapter = &adapter_for(*setup.adapter, llm::Dialect::kOpenAIResponses);
}

Result<void> check_prompt_fits(const RunOptions& options, const RunSetup& setup, Format format) {
  const bool requests = is_request_format(format);
  if (requests == (setup.prompt == nullptr)) return {};
  if (requests)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} holds ready-made requests, which take no prompt", options.input),
                "leave --prompt out, or say --format jsonl");
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("{} holds documents, and there is no prompt", options.input),
              "give --prompt FILE");
}

AcceptOptions accept_options(const RunOptions& options, const RunSetup& setup, std::string dir,
                             std::function<void(const llm::Request&)> on_request) {
  AcceptOptions accept;
  accept.input.path = setup.input_path;
  accept.input.name = options.input == "-" ? "standard input" : options.input;
  accept.input.format = options.format;
  accept.input.id_field = options.id_field;
  accept.dir = std::move(dir);
  accept.limit = options.limit;
  accept.sync = !options.dry_run;
  accept.visit = [shape = setup.shape(options), on_request = std::move(on_request),
                  &setup](const Record& record) -> Result<void> {
    WEIR_TRY(auto request, make_request(shape, record));
    if (request.raw) WEIR_CHECK(check_ready_made(setup, record, request));
    if (on_request) on_request(request);
    return {};
  };
  if (options.dedup)
    accept.content = [shape = setup.shape(options)](const Record& record) {
      return content_of(shape, record);
    };
  return accept;
}

plan::PrefixSettings order_settings(const RunOptions& options, const RunSetup& setup,
                                    std::uint64_t items, Time now) {
  const auto& provider = *setup.model.provider;
  const bool batch = options.route != plan::RouteWish::kSync && provider.batch &&
                     setup.model.model->batch && items > 1;
  return plan::settings_of(
      {.provider = provider,
       .model = *setup.model.model,
       .wish = options.route,
       .shape = {.items = items},
       .now = now,
       .deadline = options.deadline ? std::optional(now + *options.deadline) : std::nullopt,
       .caching = options.caching},
      batch ? llm::Route::kBatch : llm::Route::kSync);
}

}  // namespace weir::bulk
