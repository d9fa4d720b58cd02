#include "json/avro_schema.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "json/avro.h"

namespace weir::json {
namespace {

constexpr std::size_t kFixedBytesMax = 1 << 20;

std::unexpected<Error> bad_schema(std::string_view what) {
  return fail(ErrorKind::kBadResponse, fmt::format("the Avro schema {}", what));
}

// "a.b.Name" stays; "Name" is of the name space around it.
std::string full_name(std::string_view name, const std::string& space) {
  if (space.empty() || name.contains('.')) return std::string(name);
  return fmt::format("{}.{}", space, name);
}

AvroRead take(AvroBytes& in, std::size_t length, std::string_view& out) {
  if (in.left() < length) {
    in.wanted = in.at + length;
    return AvroRead::kMore;
  }
  out = in.bytes.substr(in.at, length);
  in.at += length;
  return AvroRead::kDone;
}

// Numbers of Avro are little-endian, as all machines that we run on.
template <class T>
AvroRead take_number(AvroBytes& in, double& out) {
  static_assert(std::endian::native == std::endian::little);
  std::string_view raw;
  if (const auto got = take(in, sizeof(T), raw); got != AvroRead::kDone) return got;
  T value;
  std::memcpy(&value, raw.data(), raw.size());
  out = static_cast<double>(value);
  return AvroRead::kDone;
}

// A character a byte.
std::string latin1(std::string_view raw) {
  std::string out;
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
      continue;
    }
    out.push_back(static_cast<char>(0xC0 | (byte >> 6)));
    out.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
  }
  return out;
}

}  // namespace

AvroRead read_avro_long(AvroBytes& in, std::int64_t& out) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (in.at + i >= in.bytes.size()) {
      in.wanted = in.at + i + 1;
      return AvroRead::kMore;
    }
    const auto byte = static_cast<unsigned char>(in.bytes[in.at + i]);
    if (i == 9 && byte > 1) return AvroRead::kBad;
    bits |= std::uint64_t{byte & 0x7FU} << (7 * i);
    if ((byte & 0x80U) != 0) continue;
    in.at += i + 1;
    out = static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
    return AvroRead::kDone;
  }
  return AvroRead::kBad;
}

AvroRead read_avro_text(AvroBytes& in, std::size_t most, std::string_view& out) {
  std::int64_t length = 0;
  if (const auto got = read_avro_long(in, length); got != AvroRead::kDone) return got;
  if (length < 0) return AvroRead::kBad;
  if (static_cast<std::uint64_t>(length) > most) return AvroRead::kTooLong;
  return take(in, static_cast<std::size_t>(length), out);
}

// --- The schema

Result<AvroSchema> AvroSchema::parse(std::string_view text) {
  Parser parser;
  const auto root = parser.parse(text);
  if (!root) return bad_schema("is no JSON");
  AvroSchema out;
  WEIR_TRY(out.root_, out.add(*root, ""));
  return out;
}

Result<std::size_t> AvroSchema::add(Value value, const std::string& space) {
  if (types_.size() >= kTypesMax) return bad_schema("has too many types");
  if (const auto name = value.string()) return add_named(*name, space);
  if (value.is_object()) return add_object(value, space);
  if (!value.is_array() || value.size() == 0) return bad_schema("has a type that is none");
  const auto at = types_.size();
  types_.push_back({.kind = Kind::kUnion, .names = {}, .within = {}});
  for (const auto branch : value.items()) {
    WEIR_TRY(const auto within, add(branch, space));
    types_[at].within.push_back(within);
  }
  return at;
}

Result<std::size_t> AvroSchema::add_named(std::string_view name, const std::string& space) {
  constexpr std::array kPlain{
      std::pair("null", Kind::kNull),   std::pair("boolean", Kind::kBoolean),
      std::pair("int", Kind::kLong),    std::pair("long", Kind::kLong),
      std::pair("float", Kind::kFloat), std::pair("double", Kind::kDouble),
      std::pair("bytes", Kind::kBytes), std::pair("string", Kind::kString)};
  for (const auto& [word, kind] : kPlain) {
    if (name != word) continue;
    types_.push_back({.kind = kind, .names = {}, .within = {}});
    return types_.size() - 1;
  }
  auto found = defined_.find(full_name(name, space));
  if (found == defined_.end()) found = defined_.find(name);
  if (found == defined_.end()) return bad_schema("names a type that it does not define");
  return found->second;
}

Result<std::size_t> AvroSchema::add_object(Value value, const std::string& space) {
  const auto type = value["type"].string();
  if (!type) return add(value["type"], space);  // {"type":{…}} and {"type":[…]} are what is within
  if (*type == "record" || *type == "error" || *type == "enum" || *type == "fixed")
    return add_definition(value, *type, space);
  const bool array = *type == "array";
  if (!array && *type != "map") return add_named(*type, space);  // with a logical type, or without
  const auto at = types_.size();
  types_.push_back({.kind = array ? Kind::kArray : Kind::kMap, .names = {}, .within = {}});
  WEIR_TRY(const auto within, add(value[array ? "items" : "values"], space));
  types_[at].within.push_back(within);
  return at;
}

Result<std::size_t> AvroSchema::add_definition(Value value, std::string_view type,
                                               const std::string& around) {
  const auto name = value["name"].string().value_or("");
  if (name.empty()) return bad_schema("defines a type without a name");
  const auto full = full_name(name, value["namespace"].string_or(around));
  const auto dot = full.rfind('.');
  const auto space = dot == std::string::npos ? std::string() : full.substr(0, dot);
  const auto at = types_.size();
  types_.push_back({.kind = Kind::kRecord, .names = {}, .within = {}});
  if (!defined_.emplace(full, at).second) return bad_schema("defines a type twice");
  if (type == "fixed") {
    const auto size = value["size"].integer();
    if (!size || *size < 0 || static_cast<std::uint64_t>(*size) > kFixedBytesMax)
      return bad_schema("has a fixed without a size");
    types_[at].kind = Kind::kFixed;
    types_[at].size = static_cast<std::size_t>(*size);
    return at;
  }
  if (type == "enum") {
    types_[at].kind = Kind::kEnum;
    for (const auto symbol : value["symbols"].items())
      types_[at].names.push_back(Value(symbol).string_or(""));
    return at;
  }
  WEIR_CHECK(add_fields(value, at, space));
  return at;
}

Result<void> AvroSchema::add_fields(Value value, std::size_t at, const std::string& space) {
  if (!value["fields"].is_array()) return bad_schema("has a record without fields");
  for (const auto item : value["fields"].items()) {
    const Value field(item);
    const auto name = field["name"].string();
    if (!name) return bad_schema("has a field without a name");
    WEIR_TRY(const auto within, add(field["type"], space));
    types_[at].names.emplace_back(*name);
    types_[at].within.push_back(within);
  }
  return {};
}

// --- Values

struct AvroSchema::Reader {
  const AvroSchema& schema;
  AvroBytes& in;
  std::size_t most;
  Writer& out;

  AvroRead value(std::size_t at, std::size_t depth) {
    if (depth > AvroSplitter::kDepthMax || out.text().size() > most) return AvroRead::kTooLong;
    const Type& type = schema.types_[at];
    switch (type.kind) {
      case Kind::kNull: out.null(); return AvroRead::kDone;
      case Kind::kBoolean: return boolean();
      case Kind::kLong: return whole();
      case Kind::kFloat: return number<float>();
      case Kind::kDouble: return number<double>();
      case Kind::kBytes:
      case Kind::kString:
      case Kind::kFixed: return text(type);
      case Kind::kRecord: return record(type, depth);
      case Kind::kEnum: return symbol(type);
      case Kind::kArray:
      case Kind::kMap: return blocks(type, depth);
      case Kind::kUnion: return branch(type, depth);
    }
    return AvroRead::kBad;
  }

  AvroRead boolean() {
    std::string_view raw;
    if (const auto got = take(in, 1, raw); got != AvroRead::kDone) return got;
    if (raw[0] != 0 && raw[0] != 1) return AvroRead::kBad;
    out.boolean(raw[0] == 1);
    return AvroRead::kDone;
  }

  AvroRead whole() {
    std::int64_t value = 0;
    if (const auto got = read_avro_long(in, value); got != AvroRead::kDone) return got;
    out.integer(value);
    return AvroRead::kDone;
  }

  template <class T>
  AvroRead number() {
    double value = 0;
    if (const auto got = take_number<T>(in, value); got != AvroRead::kDone) return got;
    out.number(value);  // null where it is none
    return AvroRead::kDone;
  }

  AvroRead text(const Type& type) {
    std::string_view raw;
    const auto got =
        type.kind == Kind::kFixed ? take(in, type.size, raw) : read_avro_text(in, most, raw);
    if (got != AvroRead::kDone) return got;
    if (type.kind == Kind::kString) out.string(raw);
    else out.string(latin1(raw));
    return AvroRead::kDone;
  }

  AvroRead symbol(const Type& type) {
    std::int64_t index = 0;
    if (const auto got = read_avro_long(in, index); got != AvroRead::kDone) return got;
    if (index < 0 || static_cast<std::uint64_t>(index) >= type.names.size()) return AvroRead::kBad;
    out.string(type.names[static_cast<std::size_t>(index)]);
    return AvroRead::kDone;
  }

  AvroRead branch(const Type& type, std::size_t depth) {
    std::int64_t index = 0;
    if (const auto got = read_avro_long(in, index); got != AvroRead::kDone) return got;
    if (index < 0 || static_cast<std::uint64_t>(index) >= type.within.size()) return AvroRead::kBad;
    return value(type.within[static_cast<std::size_t>(index)], depth + 1);
  }

  AvroRead record(const Type& type, std::size_t depth) {
    out.begin_object();
    for (std::size_t i = 0; i < type.within.size(); ++i) {
      out.key(type.names[i]);
      if (const auto got = value(type.within[i], depth + 1); got != AvroRead::kDone) return got;
    }
    out.end_object();
    return AvroRead::kDone;
  }

  // Blocks of items, each with its count, up to one of none. A count below zero has the size of the block behind it.
  AvroRead blocks(const Type& type, std::size_t depth) {
    const bool map = type.kind == Kind::kMap;
    if (map) out.begin_object();
    else out.begin_array();
    while (true) {
      std::int64_t count = 0, size = 0;
      if (const auto got = read_avro_long(in, count); got != AvroRead::kDone) return got;
      if (count == 0) break;
      if (count < 0) {
        if (count == std::numeric_limits<std::int64_t>::min()) return AvroRead::kBad;
        if (const auto got = read_avro_long(in, size); got != AvroRead::kDone) return got;
        count = -count;
      }
      for (; count > 0; --count)
        if (const auto got = item(type, map, depth); got != AvroRead::kDone) return got;
    }
    if (map) out.end_object();
    else out.end_array();
    return AvroRead::kDone;
  }

  AvroRead item(const Type& type, bool map, std::size_t depth) {
    if (map) {
      std::string_view key;
      if (const auto got = read_avro_text(in, most, key); got != AvroRead::kDone) return got;
      out.key(key);
    }
    return value(type.within[0], depth + 1);
  }
};

AvroRead AvroSchema::read(AvroBytes& in, std::size_t most, Writer& out) const {
  return Reader{.schema = *this, .in = in, .most = most, .out = out}.value(root_, 0);
}

}  // namespace weir::json
