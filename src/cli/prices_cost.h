#pragma once
// `weir prices cost`, a command of `weir prices`.
#include <CLI/CLI.hpp>

namespace weir::cli {

void add_prices_cost(CLI::App& prices, int& code);

}  // namespace weir::cli
