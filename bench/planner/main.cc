// The planner against what others do, on five workloads, judged by the simulator's cache. README.md says what is shown.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "figures.h"

int main(int argc, char** argv) {
  std::size_t items = 30'000;
  if (argc > 2 && std::string_view(argv[1]) == "--items") items = std::stoul(argv[2]);
  const auto figures = weir::bench::run(items);
  std::puts(figures.json.c_str());
  for (const auto& fault : figures.faults) fmt::print(stderr, "planner: {}\n", fault);
  return figures.faults.empty() ? 0 : 1;
}
