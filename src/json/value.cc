#include "json/value.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace weir::json {

namespace {
const simdjson::dom::parser& empty_parser() {
  // Source of empty arrays and objects; const after construction, so sharing it is safe.
  static const auto* parser = [] {
    auto* p = new simdjson::dom::parser;
    [[maybe_unused]] const auto error = p->parse(std::string_view("[{},[]]")).error();
    return p;
  }();
  return *parser;
}
}  // namespace

std::optional<Value> Value::find(std::string_view key) const {
  simdjson::dom::object object;
  if (!set_ || element_.get(object) != simdjson::SUCCESS) return std::nullopt;
  simdjson::dom::element found;
  if (object.at_key(key).get(found) != simdjson::SUCCESS) return std::nullopt;
  return Value(found);
}

std::optional<std::string_view> Value::string() const {
  std::string_view text;
  if (!set_ || element_.get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<std::int64_t> Value::integer() const {
  if (!set_) return std::nullopt;
  std::int64_t integer = 0;
  if (element_.get(integer) == simdjson::SUCCESS) return integer;
  double number = 0;
  if (element_.get(number) != simdjson::SUCCESS) return std::nullopt;
  if (number != std::floor(number) || std::abs(number) > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<double> Value::number() const {
  double number = 0;
  if (!set_ || element_.get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::optional<bool> Value::boolean() const {
  bool value = false;
  if (!set_ || element_.get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

simdjson::dom::array Value::items() const {
  simdjson::dom::array array;
  if (set_ && element_.get(array) == simdjson::SUCCESS) return array;
  return empty_parser().doc.root().at(1).get_array().value_unsafe();
}

simdjson::dom::object Value::members() const {
  simdjson::dom::object object;
  if (set_ && element_.get(object) == simdjson::SUCCESS) return object;
  return empty_parser().doc.root().at(0).get_object().value_unsafe();
}

std::size_t Value::size() const {
  if (is_array()) return items().size();
  if (is_object()) return members().size();
  return 0;
}

std::string Value::text() const {
  return set_ ? std::string(simdjson::minify(element_)) : std::string("null");
}

Result<Value> Parser::parse(std::string_view bytes) {
  const auto refuse = [](simdjson::error_code code) {
    const char* why = simdjson::error_message(code);
    if (code == simdjson::DEPTH_ERROR)
      return fail(ErrorKind::kInvalidArgument, "JSON nested deeper than 64 levels");
    if (code == simdjson::EMPTY)
      return fail(ErrorKind::kInvalidArgument, "empty, where JSON is expected");
    if (code == simdjson::UTF8_ERROR) return fail(ErrorKind::kInvalidArgument, "not valid UTF-8");
    return fail(ErrorKind::kInvalidArgument, std::string("not valid JSON: ") + why);
  };
  buffer_.reserve(bytes.size() + simdjson::SIMDJSON_PADDING);
  buffer_.assign(bytes);
  if (!ready_ || bytes.size() > parser_.capacity()) {
    const std::size_t capacity = std::max<std::size_t>(bytes.size() + bytes.size() / 4, 4096);
    if (const auto code = parser_.allocate(capacity, kDepthMax); code != simdjson::SUCCESS)
      return refuse(code);
    ready_ = true;
  }
  simdjson::dom::element root;
  const auto code = parser_.parse(buffer_.data(), buffer_.size(), false).get(root);
  if (code != simdjson::SUCCESS) return refuse(code);
  return Value(root);
}

Result<void> check_unique_keys(Value object) {
  std::vector<std::string_view> keys;
  for (const auto member : object.members()) keys.push_back(member.key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice == keys.end()) return {};
  return fail(ErrorKind::kInvalidArgument,
              "key '" + std::string(*twice) + "' stands twice in an object", "keep one of them");
}

}  // namespace weir::json
