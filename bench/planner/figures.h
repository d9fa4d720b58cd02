#pragma once
// The figures that the issue asks for, and which of them fall short.
#include <string>
#include <vector>

namespace weir::bench {

struct Figures {
  std::string json;  // one line
  std::vector<std::string> faults;
};
Figures run(std::size_t items);

}  // namespace weir::bench
