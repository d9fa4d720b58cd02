#pragma once
// The figures that the issue asks for, and which of them fall short.
#include <string>
#include <vector>

#include "json/write.h"

namespace weir::bench {

struct Figures {
  std::string json;  // one line
  std::vector<std::string> faults;
};
Figures run(std::size_t items);

/// The figures that are no comparison of policies: exact optimum, random jobs, batches, a wrong expectation, memory.
void add_checks(std::size_t items, json::Writer& json, std::vector<std::string>& faults);

}  // namespace weir::bench
