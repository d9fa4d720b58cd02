// ${NAME} in secrets.
#include <fmt/format.h>

#include "config/work.h"

namespace weir::config {
namespace {

bool is_name(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  for (const char c : text)
    if (c != '_' && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
      return false;
  return true;
}

}  // namespace

bool has_reference(std::string_view text) { return text.find("${") != std::string_view::npos; }

std::expected<std::string, std::string> expand(std::string_view text,
                                               const Environment& environment) {
  std::string out;
  for (;;) {
    const auto begin = text.find("${");
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) return out;
    const auto end = text.find('}', begin);
    if (end == std::string_view::npos) return std::unexpected("has ${ without }");
    const auto name = text.substr(begin + 2, end - begin - 2);
    // What is no name may be a piece of a secret: it is not shown.
    if (!is_name(name)) return std::unexpected("has ${…} with no name of a variable in it");
    const auto found = environment.find(name);
    if (found == environment.end())
      return std::unexpected(
          fmt::format("names the environment variable {}, which is not set", name));
    if (found->second.empty())
      return std::unexpected(
          fmt::format("names the environment variable {}, which is empty", name));
    out += found->second;
    text.remove_prefix(end + 1);
  }
}

}  // namespace weir::config
