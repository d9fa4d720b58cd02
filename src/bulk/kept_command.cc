#include "bulk/kept_command.h"

#include <fmt/format.h>

#include "json/value.h"
#include "json/write.h"
#include "runtime/posix_files.h"

namespace weir::bulk {
namespace {

constexpr std::int64_t kCommandVersion = 1;
constexpr std::size_t kBytesMax = 1U << 20;
constexpr std::string_view kHint = "run the same weir run command instead";

}  // namespace

std::string KeptCommand::to_json() const {
  json::Writer w;
  w.begin_object().field("v", kCommandVersion).field("command", "run").key("options").begin_array();
  for (const auto& option : options) {
    w.begin_object().field("name", option.name).key("values").begin_array();
    for (const auto& value : option.values) w.string(value);
    w.end_array().end_object();
  }
  return w.end_array().end_object().take();
}

Result<KeptCommand> KeptCommand::from_json(std::string_view text) {
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed || (*parsed)["v"].integer() != kCommandVersion || !(*parsed)["options"].is_array())
    return fail(ErrorKind::kInvalidArgument,
                "the kept command line cannot be read, or is a newer Weir's", std::string(kHint));
  KeptCommand command;
  for (const auto element : (*parsed)["options"].items()) {
    const json::Value option(element);
    KeptOption kept{.name = option["name"].string_or("")};
    for (const auto value : option["values"].items())
      kept.values.push_back(json::Value(value).string_or(""));
    command.options.push_back(std::move(kept));
  }
  return command;
}

Result<void> keep_command(const KeptCommand& command) {
  return runtime::write_whole_file(kept_command_path(command.folder), command.to_json() + "\n");
}

Result<KeptCommand> kept_command(const std::string& folder) {
  auto bytes = runtime::read_whole_file(kept_command_path(folder), kBytesMax);
  if (!bytes)
    return fail(bytes.error().kind,
                fmt::format("the command line of the job in {} was not kept", folder),
                std::string(kHint));
  auto command = KeptCommand::from_json(*bytes);
  if (!command) {
    auto error = std::move(command).error();
    error.message = fmt::format("{}: {}", kept_command_path(folder), error.message);
    return std::unexpected(std::move(error));
  }
  command->folder = folder;
  return command;
}

std::string kept_prompt_path(const std::string& folder) { return folder + "/prompt.md"; }
std::string kept_schema_path(const std::string& folder) { return folder + "/schema.json"; }
std::string kept_command_path(const std::string& folder) { return folder + "/command.json"; }
std::string kept_prices_path(const std::string& folder) { return folder + "/prices.json"; }

}  // namespace weir::bulk
