#include "runtime/environment.h"

#include <unistd.h>

#include <string_view>

namespace weir::runtime {

std::map<std::string, std::string, std::less<>> environment() {
  std::map<std::string, std::string, std::less<>> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto at = text.find('=');
    if (at != std::string_view::npos) out.emplace(text.substr(0, at), text.substr(at + 1));
  }
  return out;
}

}  // namespace weir::runtime
