#include "sim/providers/vertexAI/importer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace weir::sim::vertexAI {
namespace {

constexpr std::size_t kLevelsMax = 15;

bool is_column(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const bool digit = !name.empty() && name.front() >= '0' && name.front() <= '9';
  return !name.empty() && !digit && std::ranges::all_of(name, good);
}

}  // namespace

std::string Importer::take(std::string_view line) {
  const auto parsed = parser_.parse(line);
  if (!parsed || !parsed->is_object()) return "a line is not a JSON object";
  if (!(*parsed)["request"].is_object()) return "a line has no request";
  return look(*parsed, "", 1);
}

std::string Importer::look(json::Value value, const std::string& path, std::size_t depth) {
  if (value.is_null()) return {};
  const Type type = value.is_string()   ? Type::kText
                    : value.is_array()  ? Type::kArray
                    : value.is_object() ? Type::kObject
                    : value.boolean()   ? Type::kBoolean
                                        : Type::kNumber;
  const auto [column, fresh] = columns_.try_emplace(path, type);
  if (!fresh && column->second != type)
    return "Field " + path + " has different types in different rows.";
  if (type != Type::kObject && type != Type::kArray) return {};
  if (depth > kLevelsMax) return "JSON is nested too deeply (max 15) at " + path;
  if (type == Type::kArray) {
    for (const auto item : value.items())
      if (auto fault = look(item, path + "[]", depth + 1); !fault.empty()) return fault;
    return {};
  }
  if (value.size() == 0) return "Field " + path + " is a record without fields.";
  for (const auto member : value.members()) {
    const std::string name(member.key);
    if (!is_column(name)) return "Invalid field name \"" + name + "\".";
    const auto below = std::string(path).append(".").append(name);
    if (auto fault = look(member.value, below, depth + 1); !fault.empty()) return fault;
  }
  return {};
}

void write_back(json::Writer& out, json::Value value) {
  if (value.is_object()) {
    std::vector<std::pair<std::string_view, json::Value>> members;
    for (const auto member : value.members()) members.emplace_back(member.key, member.value);
    std::ranges::sort(members, {}, [](const auto& member) { return member.first; });
    out.begin_object();
    for (const auto& [name, inner] : members) {
      out.key(name);
      write_back(out, inner);
    }
    out.end_object();
  } else if (value.is_array()) {
    out.begin_array();
    for (const auto item : value.items()) write_back(out, item);
    out.end_array();
  } else if (const auto text = value.string()) {
    out.string(*text);
  } else if (const auto number = value.number();
             number && std::floor(*number) == *number && std::abs(*number) < 1e15) {
    out.integer(static_cast<std::int64_t>(*number));
  } else {
    out.raw(value.text());
  }
}

void write_column(json::Writer& out, json::Value value) {
  const auto text = value.string().value_or(std::string_view());
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool reads_as_number =
      !text.empty() && code == std::errc() && end == text.data() + text.size();
  if (reads_as_number) out.integer(number);
  else write_back(out, value);
}

}  // namespace weir::sim::vertexAI
