// The program: reads the command line, builds what a command needs, runs it. The only place that sees the registries.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>

#include "cli/commands.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of a write, not the end of a job
  CLI::App app{
      "weir collects what LLM providers give for waiting (batch, half price) and for repeating a prompt's prefix\n"
      "(prompt cache, a tenth of the price), and proves the savings.\n\n"
      "  weir run docs.jsonl --model anthropic/claude-sonnet-5 --prompt prompt.md -o answers.jsonl\n"
      "  weir report answers.jsonl\n"
      "  weir sim --listen 127.0.0.1:8080",
      "weir"};
  app.set_version_flag("--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  app.fallthrough(false);
  int code = 0;
  weir::cli::add_run(app, code);
  weir::cli::add_report(app, code);
  weir::cli::add_models(app, code);
  weir::cli::add_sim(app, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return code;
}
