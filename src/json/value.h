#pragma once
// Reading JSON: a document is validated whole (simdjson DOM), then looked into. Values borrow from their Parser and
// die with its next parse. Not thread-safe: one Parser a thread. Writing is write.h, editing bytes is patch.h.
#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::json {

/// Deeper documents are refused: they serve nobody and cost stack elsewhere.
inline constexpr std::size_t kDepthMax = 64;

/// A borrowed JSON value. Wrong-typed access gives nothing, never throws.
class Value {
 public:
  Value() = default;  // null
  explicit Value(simdjson::dom::element element) : element_(element), set_(true) {}

  [[nodiscard]] bool is_object() const { return set_ && element_.is_object(); }
  [[nodiscard]] bool is_array() const { return set_ && element_.is_array(); }
  [[nodiscard]] bool is_string() const { return set_ && element_.is_string(); }
  [[nodiscard]] bool is_number() const { return set_ && element_.is_number(); }
  [[nodiscard]] bool is_null() const { return !set_ || element_.is_null(); }

  /// The member, or nothing when this is no object or has no such member (the first one when it is repeated).
  [[nodiscard]] std::optional<Value> find(std::string_view key) const;
  /// find() that gives a null Value instead of nothing: chains read well.
  [[nodiscard]] Value operator[](std::string_view key) const { return find(key).value_or(Value()); }
  [[nodiscard]] std::optional<std::string_view> string() const;
  /// Integers, and floats that are whole and fit.
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  [[nodiscard]] std::optional<double> number() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::string string_or(std::string_view fallback) const {
    return std::string(string().value_or(fallback));
  }
  [[nodiscard]] std::int64_t integer_or(std::int64_t fallback) const {
    return integer().value_or(fallback);
  }

  /// Empty when this is no array.
  [[nodiscard]] simdjson::dom::array items() const;
  /// Empty when this is no object.
  [[nodiscard]] simdjson::dom::object members() const;
  [[nodiscard]] std::size_t size() const;  // of an array or object, else 0
  /// Minified JSON text of this value.
  [[nodiscard]] std::string text() const;

 private:
  simdjson::dom::element element_;
  bool set_ = false;
};

/// Validates and parses whole documents; the buffers are reused.
class Parser {
 public:
  Parser() = default;
  /// The bytes are copied, so they may go away; the Value lives until the next parse.
  /// @error kInvalidArgument not JSON, bad UTF-8, or deeper than kDepthMax; the message says which.
  [[nodiscard]] Result<Value> parse(std::string_view bytes);

 private:
  simdjson::dom::parser parser_;
  std::string buffer_;
  bool ready_ = false;
};

/// An error when a member of the object stands twice (a trick, or a bug: readers disagree on which one counts).
/// @error kInvalidArgument names the key.
Result<void> check_unique_keys(Value object);

}  // namespace weir::json
