#include "providers/bedrock/xml.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace weir::providers::bedrock {
namespace {

std::string unescaped(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> kEntities{
      {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}}};
  std::string out;
  while (!text.empty()) {
    std::size_t taken = 1;
    char c = text.front();
    for (const auto& [entity, plain] : kEntities)
      if (text.starts_with(entity)) {
        c = plain;
        taken = entity.size();
      }
    out.push_back(c);
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace

std::vector<std::string> element_texts(std::string_view xml, std::string_view name,
                                       std::size_t most) {
  const auto open = fmt::format("<{}>", name), close = fmt::format("</{}>", name);
  std::vector<std::string> out;
  while (out.size() < most) {
    const auto begin = xml.find(open);
    if (begin == std::string_view::npos) break;
    xml.remove_prefix(begin + open.size());
    const auto end = xml.find(close);
    if (end == std::string_view::npos) break;
    out.push_back(unescaped(xml.substr(0, end)));
    xml.remove_prefix(end + close.size());
  }
  return out;
}

std::optional<std::string> element_text(std::string_view xml, std::string_view name) {
  auto found = element_texts(xml, name, 1);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace weir::providers::bedrock
