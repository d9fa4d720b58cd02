#include "config/notice.h"

#include <fmt/format.h>

namespace weir::config {

std::string Place::text() const {
  return line > 0 ? fmt::format("{}:{}:{}", name, line, column) : name;
}

std::string Origin::text() const {
  std::string out = "built-in";
  if (kind == Kind::kFile) out = fmt::format("{}:{}", place.name, place.line);
  else if (kind != Kind::kBuiltIn) out = place.name;
  return adjusted ? out + ", adjusted" : out;
}

std::string Notice::text() const {
  std::string out = place.name.empty() ? what : place.text() + ": " + what;
  if (!fix.empty()) out += " (" + fix + ")";
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

}  // namespace weir::config
