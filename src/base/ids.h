#pragma once
// Ids: 128 bits (48 of milliseconds, 80 of the injected Random), Crockford base32, 26 characters.
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/time.h"

namespace weir {

template <class Tag>
struct Id {
  std::uint64_t high = 0, low = 0;
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
  [[nodiscard]] bool empty() const { return high == 0 && low == 0; }
  /// 26 characters, upper case.
  [[nodiscard]] std::string text() const;
  static Id make(Time now, Random& random) {
    const auto ms = static_cast<std::uint64_t>(unix_micros(now) / 1000);
    return {(ms << 16) | (random.next() & 0xFFFF), random.next()};
  }
  static std::optional<Id> parse(std::string_view text);
};

/// 26 characters of Crockford base32 of 128 bits; the pure function behind Id::text().
std::string crockford(std::uint64_t high, std::uint64_t low);
std::optional<std::array<std::uint64_t, 2>> parse_crockford(std::string_view text);

template <class Tag>
std::string Id<Tag>::text() const {
  return crockford(high, low);
}
template <class Tag>
std::optional<Id<Tag>> Id<Tag>::parse(std::string_view text) {
  const auto words = parse_crockford(text);
  if (!words) return std::nullopt;
  return Id{(*words)[0], (*words)[1]};
}

using JobId = Id<struct JobTag>;
using BatchId = Id<struct BatchTag>;
using AttemptId = Id<struct AttemptTag>;

/// `w` + the last 16 characters of the batch id (80 random bits) + `-`: unique to a batch, so it is a recovery tag.
std::string custom_id_prefix(const BatchId& batch);
/// prefix + base36 sequence number.
std::string custom_id(const BatchId& batch, std::uint64_t sequence);
/// The sequence number of a custom_id of this batch; nothing when it is not one of ours.
std::optional<std::uint64_t> parse_custom_id(const BatchId& batch, std::string_view custom_id);

std::string base36(std::uint64_t value);

}  // namespace weir
