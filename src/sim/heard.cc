#include "sim/heard.h"

namespace weir::sim {

std::string heard_json(json::Value value) {
  const auto text = value.string();
  if (!text) return value.is_null() ? "" : value.text();
  json::Parser parser;
  const auto parsed = parser.parse(*text);
  return parsed ? parsed->text() : std::string(*text);
}

}  // namespace weir::sim
