#pragma once
// How one value is read from text and written as text, by its C++ type. The text is what stands in a file, a variable or a flag.
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/config.h"

namespace weir::config {

enum class Kind : std::uint8_t {
  kBoolean,
  kWhole,
  kNumber,
  kText,
  kTextList,
  kChoice,
  kDuration,
  kMoney,
  kObject,
  kList
};

/// `Value<T>::kKind`, `parse` (nothing: the text is no such value) and `format`, which parse reads back.
template <class T>
struct Value;

template <>
struct Value<bool> {
  static constexpr Kind kKind = Kind::kBoolean;
  static std::optional<bool> parse(std::string_view text);  // true or false, without case
  static std::string format(bool value);
};
template <>
struct Value<std::uint64_t> {
  static constexpr Kind kKind = Kind::kWhole;
  static std::optional<std::uint64_t> parse(std::string_view text);
  static std::string format(std::uint64_t value);
};
template <>
struct Value<double> {
  static constexpr Kind kKind = Kind::kNumber;
  static std::optional<double> parse(std::string_view text);
  static std::string format(double value);
};
template <>
struct Value<std::string> {
  static constexpr Kind kKind = Kind::kText;
  static std::optional<std::string> parse(std::string_view text);  // not empty
  static std::string format(const std::string& value);
};
template <>
struct Value<std::vector<std::string>> {
  static constexpr Kind kKind = Kind::kTextList;  // commas between, spaces around them do not count
  static std::optional<std::vector<std::string>> parse(std::string_view text);
  static std::string format(const std::vector<std::string>& value);
};
template <>
struct Value<Duration> {
  static constexpr Kind kKind = Kind::kDuration;  // "24h", or a number of seconds
  static std::optional<Duration> parse(std::string_view text);
  static std::string format(Duration value);
};
template <>
struct Value<Money> {
  static constexpr Kind kKind = Kind::kMoney;
  static std::optional<Money> parse(std::string_view text);
  static std::string format(Money value);
};
// No lambdas for template arguments: in a header each source would have its own, under one name.
inline std::int64_t whole(Tokens value) { return value.count; }
inline std::int64_t whole(std::chrono::seconds value) { return value.count(); }
/// Strong types over a whole number.
template <class T>
struct WholeValue {
  static constexpr Kind kKind = Kind::kWhole;
  static std::optional<T> parse(std::string_view text) {
    const auto number = Value<std::uint64_t>::parse(text);
    // Ranges end long before this: it only keeps the conversion defined.
    if (!number || *number > std::uint64_t{1} << 53U) return std::nullopt;
    return T{static_cast<std::int64_t>(*number)};
  }
  static std::string format(T value) {
    return Value<std::uint64_t>::format(static_cast<std::uint64_t>(whole(value)));
  }
};
template <>
struct Value<Tokens> : WholeValue<Tokens> {};
template <>
struct Value<std::chrono::seconds> : WholeValue<std::chrono::seconds> {};
template <>
struct Value<std::chrono::days> {
  static constexpr Kind kKind = Kind::kWhole;
  static std::optional<std::chrono::days> parse(std::string_view text) {
    const auto number = Value<std::uint64_t>::parse(text);
    if (!number || *number > 100'000) return std::nullopt;
    return std::chrono::days{static_cast<int>(*number)};
  }
  static std::string format(std::chrono::days value) { return std::to_string(value.count()); }
};

/// The names of an enumeration, in the order of its values.
template <class T>
inline constexpr std::array<std::string_view, 0> kNames{};
template <>
inline constexpr std::array<std::string_view, 3> kNames<CacheStrategy>{"explicit", "automatic",
                                                                       "none"};
template <>
inline constexpr std::array<std::string_view, 5> kNames<Strategy>{"auto", "batch_only",
                                                                  "cache_only", "both", "disabled"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<Preference>{"cache", "batch"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<Interval>{"hourly", "daily", "weekly"};
template <>
inline constexpr std::array<std::string_view, 4> kNames<LogLevel>{"DEBUG", "INFO", "WARNING",
                                                                  "ERROR"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<Period>{"day", "month", "total"};
template <>
inline constexpr std::array<std::string_view, 1> kNames<Preset>{"domain-extraction"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<plan::RouteWish>{"auto", "sync", "batch"};

/// The index of `text` in `names`, without regard to case.
std::optional<std::size_t> index_of(std::span<const std::string_view> names, std::string_view text);

template <class T>
  requires std::is_enum_v<T>
struct Value<T> {
  static_assert(!kNames<T>.empty());
  static constexpr Kind kKind = Kind::kChoice;
  static std::optional<T> parse(std::string_view text) {
    const auto index = index_of(kNames<T>, text);
    return index ? std::optional(static_cast<T>(*index)) : std::nullopt;
  }
  static std::string format(T value) {
    return std::string(kNames<T>[static_cast<std::size_t>(value)]);
  }
};

}  // namespace weir::config
