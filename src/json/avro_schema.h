#pragma once
// An Avro schema, and a record of it as JSON. Internal to json.
// Doc: https://avro.apache.org/docs/1.11.1/specification/ (checked 2026-11-27)
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "json/write.h"

namespace weir::json {

/// Bytes that are read front to back.
struct AvroBytes {
  std::string_view bytes;
  std::size_t at = 0;
  /// How many there must be, from the front, for what was asked last.
  std::size_t wanted = 0;

  [[nodiscard]] std::size_t left() const { return bytes.size() - at; }
};

enum class AvroRead : std::uint8_t {
  kDone,
  kMore,     // the bytes end too early: AvroBytes::wanted says how many it takes at least
  kTooLong,  // beyond a bound
  kBad       // not of the schema
};

/// A zig-zag number of at most ten bytes.
AvroRead read_avro_long(AvroBytes& in, std::int64_t& out);
/// A length, and so many bytes.
AvroRead read_avro_text(AvroBytes& in, std::size_t most, std::string_view& out);

class AvroSchema {
 public:
  /// Types in one schema; the largest ones known have some hundreds.
  static constexpr std::size_t kTypesMax = 4096;

  /// @error kBadResponse no schema, or one that refers to what it does not define.
  static Result<AvroSchema> parse(std::string_view text);

  /// Appends one value. @param most bytes of the value, and of its JSON
  AvroRead read(AvroBytes& in, std::size_t most, Writer& out) const;

 private:
  enum class Kind : std::uint8_t {
    kNull,
    kBoolean,
    kLong,  // and int
    kFloat,
    kDouble,
    kBytes,
    kString,
    kRecord,
    kEnum,
    kArray,
    kMap,
    kUnion,
    kFixed
  };
  struct Type {
    Kind kind = Kind::kNull;
    std::vector<std::string> names;   // of fields, or symbols
    std::vector<std::size_t> within;  // types of fields, branches, items or values
    std::size_t size = 0;             // of a fixed
  };
  struct Reader;

  Result<std::size_t> add(Value value, const std::string& space);
  Result<std::size_t> add_named(std::string_view name, const std::string& space);
  Result<std::size_t> add_object(Value value, const std::string& space);
  Result<std::size_t> add_definition(Value value, std::string_view type, const std::string& space);
  Result<void> add_fields(Value value, std::size_t at, const std::string& space);

  std::vector<Type> types_;
  std::map<std::string, std::size_t, std::less<>> defined_;  // by full name
  std::size_t root_ = 0;
};

}  // namespace weir::json
