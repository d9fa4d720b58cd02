#include "bulk/run_setup.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/hash.h"
#include "runtime/posix_files.h"

namespace weir::bulk {
namespace {

constexpr std::size_t kPromptBytesMax = 16U << 20;

Result<void> check_plain_options(const RunOptions& options) {
  const auto bad = [](std::string message, std::string hint) {
    return fail(ErrorKind::kInvalidArgument, std::move(message), std::move(hint));
  };
  if (options.output.empty() && !options.dry_run) return bad("no output file", "give -o FILE");
  if (options.concurrency == 0 || options.concurrency > 512)
    return bad(fmt::format("--concurrency {} is out of range", options.concurrency), "1 to 512");
  if (options.output_max && *options.output_max < 1) return bad("--max-tokens must be at least 1", "for example 1024");
  if (options.spend_max && options.spend_max->pico <= 0) return bad("--spend-max must be more than 0", "for example 5.00");
  if (!options.output.empty() && options.output == options.input)
    return bad("the output is the input", "choose another output file");
  return {};
}

Result<void> load_prompt(const RunOptions& options, RunSetup& setup) {
  if (!options.prompt_path.empty()) {
    WEIR_TRY(setup.prompt_text, runtime::read_whole_file(options.prompt_path, kPromptBytesMax));
    auto parsed = prompt::Template::parse(setup.prompt_text);
    if (!parsed) {
      auto error = std::move(parsed).error();
      error.message = fmt::format("{}: {}", options.prompt_path, error.message);
      return std::unexpected(std::move(error));
    }
    setup.prompt = std::make_unique<prompt::Template>(std::move(*parsed));
  }
  if (options.schema_path.empty()) return {};
  WEIR_TRY(const auto text, runtime::read_whole_file(options.schema_path, kPromptBytesMax));
  auto schema = prompt::AnswerSchema::parse(text);
  if (!schema) {
    auto error = std::move(schema).error();
    error.message = fmt::format("{}: {}", options.schema_path, error.message);
    return std::unexpected(std::move(error));
  }
  setup.schema = std::make_unique<prompt::AnswerSchema>(std::move(*schema));
  return {};
}

bool needs_no_prompt(Format format) {
  return format == Format::kOpenAIBatch || format == Format::kAnthropicBatch || format == Format::kAuto;
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

Result<std::unique_ptr<RunSetup>> make_setup(const RunOptions& options, const FindAdapter& find_adapter) {
  auto setup = std::make_unique<RunSetup>();
  WEIR_CHECK(check_plain_options(options));
  WEIR_TRY(setup->catalogue, catalogue::Catalogue::built_in());
  WEIR_TRY(setup->model, catalogue::resolve(setup->catalogue, options.model));
  setup->adapter = find_adapter(setup->model.provider->name);
  if (setup->adapter == nullptr)
    return fail(ErrorKind::kUnsupported, fmt::format("this build has no adapter for {}", setup->model.provider->name));
  if (options.temperature && !setup->model.model->temperature_allowed)
    return fail(ErrorKind::kInvalidArgument, fmt::format("{} takes no temperature", setup->model.model->name),
                "leave --temperature out");
  WEIR_TRY(setup->endpoint,
           http::parse_url(options.endpoint.empty() ? setup->model.provider->endpoint : options.endpoint));
  WEIR_CHECK(load_prompt(options, *setup));
  if (!setup->prompt && !needs_no_prompt(options.format))
    return fail(ErrorKind::kInvalidArgument, "documents need a prompt", "give --prompt FILE");
  if (setup->schema && !setup->prompt)
    return fail(ErrorKind::kInvalidArgument, "a schema needs a prompt", "ready-made requests carry their own schema");
  WEIR_TRY(setup->clock, runtime::make_clock(options.clock));
  setup->folder = options.output + ".weir";
  std::error_code code;
  setup->input_path = options.input == "-" ? "-" : std::filesystem::absolute(options.input, code).string();
  return setup;
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
  accept.visit = [shape = setup.shape(options), on_request = std::move(on_request)](const Record& record) -> Result<void> {
    WEIR_TRY(const auto request, make_request(shape, record));
    if (on_request) on_request(request);
    return {};
  };
  return accept;
}

}  // namespace weir::bulk
