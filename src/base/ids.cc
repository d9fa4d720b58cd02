#include "base/ids.h"

#include <algorithm>

namespace weir {
namespace {
constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kIdLength = 26;
constexpr std::size_t kBatchTagLength = 16;
}  // namespace

std::string crockford(std::uint64_t high, std::uint64_t low) {
  auto value = (static_cast<unsigned __int128>(high) << 64) | low;
  std::string out(kIdLength, '0');
  for (std::size_t i = kIdLength; i-- > 0; value >>= 5)
    out[i] = kCrockford[static_cast<std::size_t>(value & 31)];
  return out;
}

std::optional<std::array<std::uint64_t, 2>> parse_crockford(std::string_view text) {
  if (text.size() != kIdLength || text[0] > '7') return std::nullopt;
  unsigned __int128 value = 0;
  for (const char c : text) {
    const auto digit = kCrockford.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = (value << 5) | digit;
  }
  return std::array{static_cast<std::uint64_t>(value >> 64), static_cast<std::uint64_t>(value)};
}

std::string base36(std::uint64_t value) {
  std::string out;
  do {
    out.push_back(kBase36[value % 36]);
    value /= 36;
  } while (value != 0);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string custom_id_prefix(const BatchId& batch) {
  return "w" + batch.text().substr(kIdLength - kBatchTagLength) + "-";
}

std::string custom_id(const BatchId& batch, std::uint64_t sequence) {
  return custom_id_prefix(batch) + base36(sequence);
}

std::optional<std::uint64_t> parse_custom_id(const BatchId& batch, std::string_view custom_id) {
  const std::string prefix = custom_id_prefix(batch);
  if (!custom_id.starts_with(prefix)) return std::nullopt;
  const auto digits = custom_id.substr(prefix.size());
  if (digits.empty() || digits.size() > 12 || (digits.size() > 1 && digits[0] == '0'))
    return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    const auto digit = kBase36.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value * 36 + digit;
  }
  return value;
}

}  // namespace weir
