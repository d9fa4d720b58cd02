#include "prompt/schema_prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>
#include <string_view>

namespace weir::prompt::internal {
namespace {

namespace bj = boost::json;

// What the value of a keyword must be.
enum class Shape : std::uint8_t {
  kAnnotation,  // not looked at, and taken out where the library would misread it
  kKept,        // any value
  kSchema,
  kSchemaInPlace,  // a schema for the same value: a circle of these never ends
  kSchemas,
  kSchemasInPlace,
  kSchemaOrList,
  kSchemaMap,
  kPatternMap,
  kNumber,
  kPositive,
  kCount,
  kBoolean,
  kNames,
  kTypes,
  kList,
  kPattern,
  kReference,
  kFormat,
  kDependencies,
};

struct Keyword {
  std::string_view name;
  Shape shape;
};
constexpr std::array kKeywords = {
    Keyword{"$comment", Shape::kAnnotation},
    Keyword{"$defs", Shape::kSchemaMap},
    Keyword{"$id", Shape::kAnnotation},
    Keyword{"$ref", Shape::kReference},
    Keyword{"$schema", Shape::kAnnotation},
    Keyword{"additionalItems", Shape::kSchema},
    Keyword{"additionalProperties", Shape::kSchema},
    Keyword{"allOf", Shape::kSchemasInPlace},
    Keyword{"anyOf", Shape::kSchemasInPlace},
    Keyword{"const", Shape::kKept},
    Keyword{"contains", Shape::kSchema},
    Keyword{"contentEncoding", Shape::kAnnotation},
    Keyword{"contentMediaType", Shape::kAnnotation},
    Keyword{"default", Shape::kAnnotation},
    Keyword{"definitions", Shape::kSchemaMap},
    Keyword{"dependencies", Shape::kDependencies},
    Keyword{"deprecated", Shape::kAnnotation},
    Keyword{"description", Shape::kAnnotation},
    Keyword{"else", Shape::kSchemaInPlace},
    Keyword{"enum", Shape::kList},
    Keyword{"example", Shape::kAnnotation},
    Keyword{"examples", Shape::kAnnotation},
    Keyword{"exclusiveMaximum", Shape::kNumber},
    Keyword{"exclusiveMinimum", Shape::kNumber},
    Keyword{"format", Shape::kFormat},
    Keyword{"id", Shape::kAnnotation},
    Keyword{"if", Shape::kSchemaInPlace},
    Keyword{"items", Shape::kSchemaOrList},
    Keyword{"maxItems", Shape::kCount},
    Keyword{"maxLength", Shape::kCount},
    Keyword{"maxProperties", Shape::kCount},
    Keyword{"maximum", Shape::kNumber},
    Keyword{"minItems", Shape::kCount},
    Keyword{"minLength", Shape::kCount},
    Keyword{"minProperties", Shape::kCount},
    Keyword{"minimum", Shape::kNumber},
    Keyword{"multipleOf", Shape::kPositive},
    Keyword{"not", Shape::kSchemaInPlace},
    Keyword{"oneOf", Shape::kSchemasInPlace},
    Keyword{"pattern", Shape::kPattern},
    Keyword{"patternProperties", Shape::kPatternMap},
    Keyword{"properties", Shape::kSchemaMap},
    Keyword{"propertyNames", Shape::kSchema},
    Keyword{"readOnly", Shape::kAnnotation},
    Keyword{"required", Shape::kNames},
    Keyword{"then", Shape::kSchemaInPlace},
    Keyword{"title", Shape::kAnnotation},
    Keyword{"type", Shape::kTypes},
    Keyword{"uniqueItems", Shape::kBoolean},
    Keyword{"writeOnly", Shape::kAnnotation},
};
constexpr std::array<std::string_view, 7> kTypeNames = {"array",  "boolean", "integer", "null",
                                                        "number", "object",  "string"};

// The library builds these expressions for every check of a value, which is slow: as a `pattern`
// they are built once.
struct FormatPattern {
  std::string_view format, pattern;
};
constexpr std::array kFormats = {
    FormatPattern{"date", "^[0-9]{4}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])$"},
    FormatPattern{"time",
                  "^([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?([Zz]|[+-]([01][0-9]|"
                  "2[0-3]):[0-5][0-9])$"},
    FormatPattern{"date-time",
                  "^[0-9]{4}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5]["
                  "0-9]:([0-5][0-9]|60)"
                  "(\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"},
};

bool reads_as_regex(std::string_view pattern) {
  try {
    [[maybe_unused]] const std::regex compiled(pattern.begin(), pattern.end());
    return true;
  } catch (const std::exception&) {  // the standard library reports by throwing
    return false;
  }
}

std::string escape_pointer(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out += c;
  }
  return out;
}

std::string shown(std::string_view pointer) {
  return pointer.empty() ? "its top" : std::string(pointer);
}

class Preparer {
 public:
  explicit Preparer(bool keep_patterns) : keep_patterns_(keep_patterns) {}

  Result<PreparedSchema> run(const bj::value& schema) {
    out_.schema = schema;
    WEIR_CHECK(visit(out_.schema, ""));
    // What only references lead to is read as well; each may bring more.
    while (!references_.empty()) {
      const auto [target, from] = references_.back();
      references_.pop_back();
      bj::error_code error;
      auto* node = out_.schema.find_pointer(target, error);
      if (node == nullptr)
        return bad(from, fmt::format("$ref leads nowhere: #{}", target), "define it under $defs");
      if (!seen_.contains(target)) WEIR_CHECK(visit(*node, target));
    }
    for (const auto& [from, to] : in_place_) WEIR_CHECK(refuse_circle(from));
    return std::move(out_);
  }

 private:
  static std::unexpected<Error> bad(std::string_view at, std::string_view what,
                                    std::string hint = {}) {
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the JSON Schema is not valid at {}: {}", shown(at), what),
                std::move(hint));
  }
  void warn(std::string_view at, std::string_view what) {
    out_.warnings.push_back(fmt::format("{}: {}", at, what));
  }

  Result<void> visit(bj::value& node, const std::string& at) {
    seen_.insert(at);
    if (node.is_bool()) return {};
    if (!node.is_object()) return bad(at, "a schema is an object, true or false");
    auto& object = node.get_object();
    std::vector<std::string> names;
    for (const auto& member : object) names.emplace_back(member.key());
    for (const auto& name : names) WEIR_CHECK(keyword(object, name, at));
    wrap_reference(object, at);
    return {};
  }

  Result<void> keyword(bj::object& object, const std::string& name, const std::string& at) {
    const auto here = at + "/" + escape_pointer(name);
    const auto* known = std::ranges::find(kKeywords, name, &Keyword::name);
    if (known == kKeywords.end()) {
      warn(here, "this keyword is not checked");
      return {};
    }
    auto& value = object.at(name);
    switch (known->shape) {
      case Shape::kAnnotation: object.erase(name); return {};
      case Shape::kKept: return {};
      case Shape::kSchemaInPlace: in_place_[at].insert(here); return visit(value, here);
      case Shape::kSchema: return visit(value, here);
      case Shape::kSchemas:
      case Shape::kSchemasInPlace: return schemas(value, here, at);
      case Shape::kSchemaOrList:
        return value.is_array() ? schemas(value, here, {}) : visit(value, here);
      case Shape::kSchemaMap: return schema_map(value, here);
      case Shape::kPatternMap: return pattern_map(value, here);
      case Shape::kDependencies: return dependencies(value, here, at);
      case Shape::kPattern: return pattern(object, here);
      case Shape::kFormat: return format(object, here, at);
      case Shape::kReference: return reference(value, here, at);
      default: return plain(value, known->shape, here);
    }
  }

  // The keywords whose value is checked and left alone.
  static Result<void> plain(const bj::value& value, Shape shape, const std::string& here) {
    const auto all_strings = [&] {
      return value.is_array() &&
             std::ranges::all_of(value.get_array(), [](const auto& v) { return v.is_string(); });
    };
    switch (shape) {
      case Shape::kNumber:
        return value.is_number() ? Result<void>() : bad(here, "a number is expected");
      case Shape::kPositive:
        return value.is_number() && value.to_number<double>() > 0
                   ? Result<void>()
                   : bad(here, "a number above 0 is expected");
      case Shape::kCount:
        return value.is_int64() && value.get_int64() >= 0
                   ? Result<void>()
                   : bad(here, "a whole number from 0 is expected");
      case Shape::kBoolean:
        return value.is_bool() ? Result<void>() : bad(here, "true or false is expected");
      case Shape::kNames:
        return all_strings() ? Result<void>() : bad(here, "a list of names is expected");
      case Shape::kList:
        return value.is_array() && !value.get_array().empty()
                   ? Result<void>()
                   : bad(here, "a list of values is expected");
      case Shape::kTypes: return types(value, here);
      default: return {};
    }
  }

  static Result<void> types(const bj::value& value, const std::string& here) {
    const auto known = [](const bj::value& v) {
      return v.is_string() &&
             std::ranges::find(kTypeNames, std::string_view(v.get_string())) != kTypeNames.end();
    };
    const bool good = value.is_array() ? !value.get_array().empty() &&
                                             std::ranges::all_of(value.get_array(), known)
                                       : known(value);
    if (good) return {};
    return bad(here, "no JSON type",
               "one of array, boolean, integer, null, number, object, string, or a list of them");
  }

  // in_place_of: the schema whose value these are for too, or empty when they are for parts of it.
  Result<void> schemas(bj::value& value, const std::string& here,
                       std::optional<std::string> in_place_of) {
    if (!value.is_array() || value.get_array().empty())
      return bad(here, "a list of schemas is expected");
    std::size_t index = 0;
    for (auto& item : value.get_array()) {
      const auto place = fmt::format("{}/{}", here, index++);
      if (in_place_of) in_place_[*in_place_of].insert(place);
      WEIR_CHECK(visit(item, place));
    }
    return {};
  }

  Result<void> schema_map(bj::value& value, const std::string& here) {
    if (!value.is_object()) return bad(here, "an object of schemas is expected");
    for (auto& member : value.get_object())
      WEIR_CHECK(visit(member.value(), here + "/" + escape_pointer(member.key())));
    return {};
  }

  Result<void> pattern_map(bj::value& value, const std::string& here) {
    WEIR_CHECK(schema_map(value, here));
    out_.has_pattern_properties = true;
    for (const auto& member : value.get_object())
      if (!reads_as_regex(member.key()))
        return bad(here, fmt::format("'{}' is no regular expression that can be checked",
                                     std::string_view(member.key())));
    return {};
  }

  Result<void> dependencies(bj::value& value, const std::string& here, const std::string& at) {
    if (!value.is_object()) return bad(here, "an object is expected");
    for (auto& member : value.get_object()) {
      const auto place = here + "/" + escape_pointer(member.key());
      if (member.value().is_array()) {
        WEIR_CHECK(plain(member.value(), Shape::kNames, place));
        continue;
      }
      in_place_[at].insert(place);
      WEIR_CHECK(visit(member.value(), place));
    }
    return {};
  }

  Result<void> pattern(bj::object& object, const std::string& here) {
    const auto& value = object.at("pattern");
    if (!value.is_string()) return bad(here, "a regular expression is expected");
    if (!reads_as_regex(std::string_view(value.get_string()))) {
      warn(here, "this regular expression cannot be read, so it is not checked");
      object.erase("pattern");
      return {};
    }
    out_.has_patterns = true;
    if (!keep_patterns_) object.erase("pattern");
    return {};
  }

  Result<void> format(bj::object& object, const std::string& here, const std::string& at) {
    const auto value = object.at("format");
    if (!value.is_string()) return bad(here, "a string is expected");
    object.erase("format");
    const auto* known =
        std::ranges::find(kFormats, std::string_view(value.get_string()), &FormatPattern::format);
    if (known == kFormats.end()) {
      warn(here, "this format is not checked");
      return {};
    }
    out_.has_patterns = true;
    if (keep_patterns_) WEIR_CHECK(add_to_all_of(object, {{"pattern", known->pattern}}, at));
    return {};
  }

  Result<void> reference(const bj::value& value, const std::string& here, const std::string& at) {
    if (!value.is_string()) return bad(here, "a string is expected");
    const std::string_view target = value.get_string();
    if (target != "#" && !target.starts_with("#/"))
      return fail(ErrorKind::kUnsupported,
                  fmt::format("the JSON Schema has a $ref at {} that is not local", here),
                  "copy the other schema under $defs and refer to it as #/$defs/NAME");
    if (target.contains('%'))
      return fail(ErrorKind::kUnsupported,
                  fmt::format("the JSON Schema has a percent-encoded $ref at {}", here),
                  "rename the definition");
    const std::string pointer(target.substr(1));
    references_.emplace_back(pointer, here);
    in_place_[at].insert(pointer);
    return {};
  }

  // Draft 7 ignores what stands beside a $ref, later drafts do not: as a member of allOf it is
  // right for both.
  void wrap_reference(bj::object& object, const std::string& at) {
    const auto* found = object.if_contains("$ref");
    if (found == nullptr || object.size() == 1) return;
    const bj::value target = *found;
    object.erase("$ref");
    // The shape of an allOf that is there was checked before.
    [[maybe_unused]] const auto added = add_to_all_of(object, {{"$ref", target}}, at);
  }

  static Result<void> add_to_all_of(bj::object& object, const bj::object& schema,
                                    const std::string& at) {
    auto* list = object.if_contains("allOf");
    if (list == nullptr) {
      object["allOf"] = bj::array{schema};
      return {};
    }
    if (!list->is_array()) return bad(at + "/allOf", "a list of schemas is expected");
    list->get_array().emplace_back(schema);
    return {};
  }

  Result<void> refuse_circle(const std::string& start) {
    std::set<std::string> open;
    return follow(start, open);
  }
  Result<void> follow(const std::string& at, std::set<std::string>& open) {
    if (finished_.contains(at)) return {};
    if (!open.insert(at).second)
      return bad(at, "its $ref leads back to itself without going into the value");
    if (const auto next = in_place_.find(at); next != in_place_.end())
      for (const auto& to : next->second) WEIR_CHECK(follow(to, open));
    open.erase(at);
    finished_.insert(at);
    return {};
  }

  bool keep_patterns_;
  PreparedSchema out_;
  std::set<std::string> seen_, finished_;
  std::vector<std::pair<std::string, std::string>> references_;  // target pointer, where it stands
  std::map<std::string, std::set<std::string>> in_place_;  // schema -> schemas for the same value
};

}  // namespace

Result<PreparedSchema> prepare_schema(const bj::value& schema, bool keep_patterns) {
  return Preparer(keep_patterns).run(schema);
}

}  // namespace weir::prompt::internal
