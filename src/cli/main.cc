// The program: reads the command line, builds what a command needs, runs it. The only place that sees the registries.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "cli/commands.h"

namespace {

// One line, with the command whose --help says more.
std::string usage_error(const CLI::App* app, const CLI::Error& error, int argc, char** argv) {
  std::string message = error.what(), command = "weir";
  int depth = 1;
  for (auto chosen = app->get_subcommands(); !chosen.empty(); ++depth) {
    app = chosen.front();
    command += " " + app->get_name();
    chosen = app->get_subcommands();
  }
  // CLI11 looks for a missing command before it looks at what stands in its place.
  const bool wants_command = !app->get_subcommands([](const CLI::App*) { return true; }).empty();
  if (wants_command && argc > depth && argv[depth][0] != '-')
    message = fmt::format("'{}' is no command", argv[depth]);
  std::ranges::replace(message, '\n', ' ');
  return fmt::format("weir: {} ({} --help shows what there is)\n", message, command);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_IGN);  // a reader that went away is an error of a write, not the end of a job
  CLI::App app{
      "weir collects what LLM providers give for waiting (batch, half price) and for repeating a "
      "prompt's prefix\n"
      "(prompt cache, a tenth of the price), and proves the savings.\n\n"
      "  weir run docs.jsonl --model anthropic/claude-sonnet-5 --prompt prompt.md -o "
      "answers.jsonl\n"
      "  weir report answers.jsonl\n"
      "  weir job list\n"
      "  weir sim --listen 127.0.0.1:8080",
      "weir"};
  app.set_version_flag("--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  app.fallthrough(false);
  app.failure_message([argc, argv](const CLI::App* failed, const CLI::Error& error) {
    return usage_error(failed, error, argc, argv);
  });
  int code = 0;
  weir::cli::add_run(app, code);
  weir::cli::add_report(app, code);
  weir::cli::add_job(app, code);
  weir::cli::add_models(app, code);
  weir::cli::add_providers(app, code);
  weir::cli::add_prices(app, code);
  weir::cli::add_sim(app, code);
  weir::cli::add_config(app, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::system_error& error) {
    // `weir models | head`: there is nobody left to tell.
    if (error.code() != std::errc::broken_pipe) throw;
    return 128 + SIGPIPE;
  }
  return code;
}
