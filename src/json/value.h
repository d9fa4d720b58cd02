#pragma once
// Reading JSON: a document is validated whole (simdjson DOM), then looked into. Values borrow from their Parser and
// die with its next parse. Not thread-safe: one Parser a thread. Writing is write.h, editing bytes is patch.h.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::json {

/// Deeper documents are refused: they serve nobody and cost stack elsewhere.
inline constexpr std::size_t kDepthMax = 64;

class Items;
class Members;

/// A borrowed JSON value. Wrong-typed access gives nothing, never throws.
class Value {
 public:
  Value() = default;  // null

  [[nodiscard]] bool is_object() const;
  [[nodiscard]] bool is_array() const;
  [[nodiscard]] bool is_string() const;
  [[nodiscard]] bool is_number() const;
  [[nodiscard]] bool is_null() const;

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
  [[nodiscard]] Items items() const;
  /// Empty when this is no object.
  [[nodiscard]] Members members() const;
  [[nodiscard]] std::size_t size() const;  // of an array or object, else 0
  /// Minified JSON text of this value.
  [[nodiscard]] std::string text() const;

 private:
  friend class Items;
  friend class Members;
  friend class Parser;
  // A simdjson::dom::element, array, object or one of their iterators. All readers of JSON include this header, and
  // simdjson's takes the compiler longer than all else in it: hence not by name.
  struct Place {
    const void* document = nullptr;  // none: null
    std::size_t at = 0;
    bool operator==(const Place&) const = default;
  };
  explicit Value(Place place) : place_(place) {}

  Place place_;
};

/// The items of an array, in order.
class Items {
 public:
  class Iterator {
   public:
    using value_type = Value;                // NOLINT(readability-identifier-naming)
    using difference_type = std::ptrdiff_t;  // NOLINT(readability-identifier-naming)
    Iterator() = default;
    Value operator*() const;
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const Iterator&) const = default;

   private:
    friend class Items;
    explicit Iterator(Value::Place place) : place_(place) {}
    Value::Place place_;
  };
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;
  [[nodiscard]] std::size_t size() const;
  /// The item, or null behind the last one. Goes over those before it.
  [[nodiscard]] Value at(std::size_t index) const;

 private:
  friend class Value;
  explicit Items(Value::Place place) : place_(place) {}
  Value::Place place_;
};

struct Member {
  std::string_view key;
  Value value;
};

/// The members of an object, in order; a repeated key as often as it stands there.
class Members {
 public:
  class Iterator {
   public:
    using value_type = Member;               // NOLINT(readability-identifier-naming)
    using difference_type = std::ptrdiff_t;  // NOLINT(readability-identifier-naming)
    Iterator() = default;
    Member operator*() const;
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const Iterator&) const = default;

   private:
    friend class Members;
    explicit Iterator(Value::Place place) : place_(place) {}
    Value::Place place_;
  };
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;
  [[nodiscard]] std::size_t size() const;

 private:
  friend class Value;
  explicit Members(Value::Place place) : place_(place) {}
  Value::Place place_;
};

/// Validates and parses whole documents; the buffers are reused.
class Parser {
 public:
  Parser();
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;
  ~Parser();
  /// The bytes are copied, so they may go away; the Value lives until the next parse.
  /// @error kInvalidArgument not JSON, bad UTF-8, or deeper than kDepthMax; the message says which.
  [[nodiscard]] Result<Value> parse(std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // from the first parse on
};

/// An error when a member of the object stands twice (a trick, or a bug: readers disagree on which one counts).
/// @error kInvalidArgument names the key.
Result<void> check_unique_keys(Value object);

}  // namespace weir::json
