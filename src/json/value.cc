#include "json/value.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace weir::json {

namespace {

namespace dom = simdjson::dom;

// The one array and the one object without anything in it; const after construction, so sharing them is safe.
const dom::parser& empty_parser() {
  static const auto* parser = [] {
    auto* p = new dom::parser;
    [[maybe_unused]] const auto error = p->parse(std::string_view("[{},[]]")).error();
    return p;
  }();
  return *parser;
}

// To and from Value::Place.
template <class To, class From>
To as(From from) {
  return std::bit_cast<To>(from);
}

}  // namespace

struct Parser::Impl {
  dom::parser parser;
  std::string buffer;
  bool ready = false;
};

bool Value::is_object() const { return place_.document && as<dom::element>(place_).is_object(); }
bool Value::is_array() const { return place_.document && as<dom::element>(place_).is_array(); }
bool Value::is_string() const { return place_.document && as<dom::element>(place_).is_string(); }
bool Value::is_number() const { return place_.document && as<dom::element>(place_).is_number(); }
bool Value::is_null() const { return !place_.document || as<dom::element>(place_).is_null(); }

std::optional<Value> Value::find(std::string_view key) const {
  dom::object object;
  if (!place_.document || as<dom::element>(place_).get(object) != simdjson::SUCCESS)
    return std::nullopt;
  dom::element found;
  if (object.at_key(key).get(found) != simdjson::SUCCESS) return std::nullopt;
  return Value(as<Place>(found));
}

std::optional<std::string_view> Value::string() const {
  std::string_view text;
  if (!place_.document || as<dom::element>(place_).get(text) != simdjson::SUCCESS)
    return std::nullopt;
  return text;
}

std::optional<std::int64_t> Value::integer() const {
  if (!place_.document) return std::nullopt;
  const auto element = as<dom::element>(place_);
  std::int64_t integer = 0;
  if (element.get(integer) == simdjson::SUCCESS) return integer;
  double number = 0;
  if (element.get(number) != simdjson::SUCCESS) return std::nullopt;
  if (number != std::floor(number) || std::abs(number) > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<double> Value::number() const {
  double number = 0;
  if (!place_.document || as<dom::element>(place_).get(number) != simdjson::SUCCESS)
    return std::nullopt;
  return number;
}

std::optional<bool> Value::boolean() const {
  bool value = false;
  if (!place_.document || as<dom::element>(place_).get(value) != simdjson::SUCCESS)
    return std::nullopt;
  return value;
}

Items Value::items() const {
  dom::array array;
  if (!place_.document || as<dom::element>(place_).get(array) != simdjson::SUCCESS)
    array = empty_parser().doc.root().at(1).get_array().value_unsafe();
  return Items(as<Place>(array));
}

Members Value::members() const {
  dom::object object;
  if (!place_.document || as<dom::element>(place_).get(object) != simdjson::SUCCESS)
    object = empty_parser().doc.root().at(0).get_object().value_unsafe();
  return Members(as<Place>(object));
}

std::size_t Value::size() const {
  if (is_array()) return items().size();
  if (is_object()) return members().size();
  return 0;
}

std::string Value::text() const {
  return place_.document ? std::string(simdjson::minify(as<dom::element>(place_)))
                         : std::string("null");
}

Items::Iterator Items::begin() const {
  return Iterator(as<Value::Place>(as<dom::array>(place_).begin()));
}
Items::Iterator Items::end() const {
  return Iterator(as<Value::Place>(as<dom::array>(place_).end()));
}
std::size_t Items::size() const { return as<dom::array>(place_).size(); }

Value Items::at(std::size_t index) const {
  dom::element item;
  if (as<dom::array>(place_).at(index).get(item) != simdjson::SUCCESS) return {};
  return Value(as<Value::Place>(item));
}

Value Items::Iterator::operator*() const {
  return Value(as<Value::Place>(*as<dom::array::iterator>(place_)));
}
Items::Iterator& Items::Iterator::operator++() {
  auto next = as<dom::array::iterator>(place_);
  place_ = as<Value::Place>(++next);
  return *this;
}

Members::Iterator Members::begin() const {
  return Iterator(as<Value::Place>(as<dom::object>(place_).begin()));
}
Members::Iterator Members::end() const {
  return Iterator(as<Value::Place>(as<dom::object>(place_).end()));
}
std::size_t Members::size() const { return as<dom::object>(place_).size(); }

Member Members::Iterator::operator*() const {
  const auto pair = *as<dom::object::iterator>(place_);
  return {.key = pair.key, .value = Value(as<Value::Place>(pair.value))};
}
Members::Iterator& Members::Iterator::operator++() {
  auto next = as<dom::object::iterator>(place_);
  place_ = as<Value::Place>(++next);
  return *this;
}

Parser::Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;
Parser::~Parser() = default;

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
  if (!impl_) impl_ = std::make_unique<Impl>();
  auto& [parser, buffer, ready] = *impl_;
  buffer.reserve(bytes.size() + simdjson::SIMDJSON_PADDING);
  buffer.assign(bytes);
  if (!ready || bytes.size() > parser.capacity()) {
    const std::size_t capacity = std::max<std::size_t>(bytes.size() + bytes.size() / 4, 4096);
    if (const auto code = parser.allocate(capacity, kDepthMax); code != simdjson::SUCCESS)
      return refuse(code);
    ready = true;
  }
  dom::element root;
  const auto code = parser.parse(buffer.data(), buffer.size(), false).get(root);
  if (code != simdjson::SUCCESS) return refuse(code);
  return Value(as<Value::Place>(root));
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
