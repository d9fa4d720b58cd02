#pragma once
// The subcommands: each adds itself to the app and leaves its exit code in `code`.
#include <CLI/CLI.hpp>

namespace weir::cli {

void add_run(CLI::App& app, int& code);
void add_report(CLI::App& app, int& code);
void add_job(CLI::App& app, int& code);
void add_models(CLI::App& app, int& code);
void add_providers(CLI::App& app, int& code);
void add_prices(CLI::App& app, int& code);
void add_sim(CLI::App& app, int& code);
void add_config(CLI::App& app, int& code);

}  // namespace weir::cli
