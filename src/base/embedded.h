#pragma once
// A data file that the build put into the program (cmake/embed.cmake).
#include <string_view>
#include <vector>

namespace weir {
struct EmbeddedFile {
  std::string_view name;
  std::string_view bytes;
};
}  // namespace weir
