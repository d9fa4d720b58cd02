#pragma once
// multipart/form-data (RFC 7578) over a body in memory: parts are ranges of it, nothing is copied.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::sim {

struct FormPart {
  std::string name;
  std::string filename;  // empty when the part is no file
  std::size_t offset = 0;
  std::size_t length = 0;
};

/// The parts of a body; nothing when the content type names no boundary or the body does not keep
/// to it.
std::optional<std::vector<FormPart>> parse_form(std::string_view content_type,
                                                std::string_view body);

}  // namespace weir::sim
