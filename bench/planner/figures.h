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

/// The figures that are no comparison of policies: exact optimum, random jobs, batches, a wrong expectation.
void add_checks(std::size_t items, json::Writer& json, std::vector<std::string>& faults);

/// A million items, in a process that has done nothing yet: bytes an item and peak memory.
void add_memory(json::Writer& json, std::vector<std::string>& faults);

}  // namespace weir::bench
