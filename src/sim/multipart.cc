#include "sim/multipart.h"

#include "http/message.h"

namespace weir::sim {
namespace {

// The value of `key="..."` or `key=...` in a header's parameters.
std::string parameter(std::string_view header, std::string_view key) {
  for (std::size_t at = header.find(';'); at != std::string_view::npos;
       at = header.find(';', at + 1)) {
    std::string_view rest = header.substr(at + 1);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    if (rest.size() <= key.size() || rest[key.size()] != '=' ||
        !http::equal_ignoring_case(rest.substr(0, key.size()), key))
      continue;
    rest.remove_prefix(key.size() + 1);
    if (rest.starts_with('"')) {
      std::string out;
      for (std::size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
        if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
        out.push_back(rest[i]);
      }
      return out;
    }
    return std::string(rest.substr(0, rest.find_first_of("; ")));
  }
  return {};
}

}  // namespace

std::optional<std::vector<FormPart>> parse_form(std::string_view content_type,
                                                std::string_view body) {
  if (!content_type.starts_with("multipart/form-data")) return std::nullopt;
  const std::string boundary = parameter(content_type, "boundary");
  if (boundary.empty()) return std::nullopt;
  const std::string opening = "--" + boundary;
  const std::string delimiter = "\r\n" + opening;
  std::size_t at = 0;
  if (body.starts_with(opening)) at = opening.size();
  else if (const auto found = body.find(delimiter); found != std::string_view::npos)
    at = found + delimiter.size();
  else return std::nullopt;

  std::vector<FormPart> parts;
  while (!body.substr(at).starts_with("--")) {
    const auto head_start = body.find("\r\n", at);
    const auto head_end = body.find("\r\n\r\n", at);
    if (head_start == std::string_view::npos || head_end == std::string_view::npos)
      return std::nullopt;
    FormPart part{.offset = head_end + 4};
    std::string_view head = body.substr(head_start, head_end - head_start);
    while (!head.empty()) {
      head.remove_prefix(head.starts_with("\r\n") ? 2 : 0);
      const auto line = head.substr(0, head.find("\r\n"));
      const auto colon = line.find(':');
      if (colon != std::string_view::npos &&
          http::equal_ignoring_case(line.substr(0, colon), "content-disposition")) {
        part.name = parameter(line, "name");
        part.filename = parameter(line, "filename");
      }
      head.remove_prefix(line.size());
    }
    const auto end = body.find(delimiter, head_end + 2);
    if (end == std::string_view::npos) return std::nullopt;
    part.length = end > part.offset ? end - part.offset : 0;
    parts.push_back(std::move(part));
    at = end + delimiter.size();
  }
  return parts;
}

}  // namespace weir::sim
