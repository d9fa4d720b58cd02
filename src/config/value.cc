#include "config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::config {
namespace {

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::size_t> index_of(std::span<const std::string_view> names,
                                    std::string_view text) {
  const auto found = std::ranges::find_if(names, [&](std::string_view name) {
    return std::ranges::equal(name, text, {}, lower, lower);
  });
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

std::optional<bool> Value<bool>::parse(std::string_view text) {
  static constexpr std::array<std::string_view, 2> kWords{"false", "true"};
  const auto index = index_of(kWords, text);
  return index ? std::optional(*index == 1) : std::nullopt;
}
std::string Value<bool>::format(bool value) { return value ? "true" : "false"; }

std::optional<std::uint64_t> Value<std::uint64_t>::parse(std::string_view text) {
  return parse_number<std::uint64_t>(text);
}
std::string Value<std::uint64_t>::format(std::uint64_t value) { return fmt::format("{}", value); }

std::optional<double> Value<double>::parse(std::string_view text) {
  const auto value = parse_number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}
std::string Value<double>::format(double value) { return fmt::format("{}", value); }

std::optional<std::string> Value<std::string>::parse(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(std::string(text));
}
std::string Value<std::string>::format(const std::string& value) { return value; }

std::optional<std::vector<std::string>> Value<std::vector<std::string>>::parse(
    std::string_view text) {
  std::vector<std::string> out;
  for (;;) {
    const auto comma = text.find(',');
    const auto piece = trim(text.substr(0, comma));
    if (piece.empty()) return std::nullopt;
    out.emplace_back(piece);
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}
std::string Value<std::vector<std::string>>::format(const std::vector<std::string>& value) {
  return fmt::format("{}", fmt::join(value, ", "));
}

std::optional<Duration> Value<Duration>::parse(std::string_view text) {
  std::optional<Duration> out;
  if (const auto seconds = parse_number<std::uint32_t>(text)) out = std::chrono::seconds(*seconds);
  else out = parse_duration(text);
  return out && *out > Duration{} ? out : std::nullopt;
}
std::string Value<Duration>::format(Duration value) {
  const auto micros = value.count();
  if (micros % 1'000'000 == 0) return fmt::format("{}s", micros / 1'000'000);
  return fmt::format("{}ms", micros / 1000);
}

std::optional<Money> Value<Money>::parse(std::string_view text) {
  const auto money = parse_usd(text);
  return money && money->pico > 0 ? std::optional(*money) : std::nullopt;
}
std::string Value<Money>::format(Money value) { return to_usd(value); }

}  // namespace weir::config
