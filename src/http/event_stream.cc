#include "http/event_stream.h"

#include <algorithm>
#include <array>

namespace weir::http {
namespace {

constexpr std::size_t kPreludeBytes = 12;  // both lengths and their checksum
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kLeastBytes = kPreludeBytes + kCrcBytes;

constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
    table[i] = value;
  }
  return table;
}();

// CRC-32 as in gzip and Ethernet.
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes)
    crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFU];
  return crc ^ 0xFFFFFFFFU;
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorKind::kBadResponse, "a streamed message " + std::string(why));
}

// Takes bytes from the front of the headers.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view bytes) : rest_(bytes) {}

  Result<void> read(EventMessage& message) {
    while (!rest_.empty()) {
      WEIR_TRY(const auto name_length, number(1));
      WEIR_TRY(const auto name, take(name_length));
      WEIR_TRY(const auto type, number(1));
      WEIR_TRY(const auto value, value_of(type));
      if (type == kText) message.headers.emplace_back(name, value);
    }
    return {};
  }

 private:
  static constexpr std::uint64_t kBytes = 6, kText = 7;

  Result<std::string_view> take(std::uint64_t length) {
    if (length > rest_.size()) return bad("has a header that does not end");
    const auto out = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return out;
  }
  Result<std::uint64_t> number(std::size_t bytes) {
    WEIR_TRY(const auto text, take(bytes));
    return big_endian(text);
  }
  Result<std::string_view> value_of(std::uint64_t type) {
    // true, false, byte, short, int, long, bytes, text, timestamp, uuid
    static constexpr std::array<std::size_t, 10> kLengths{0, 0, 1, 2, 4, 8, 0, 0, 8, 16};
    if (type >= kLengths.size()) return bad("has a header of an unknown type");
    if (type != kBytes && type != kText) return take(kLengths[type]);
    WEIR_TRY(const auto length, number(2));
    return take(length);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::string_view> EventMessage::find(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return std::nullopt;
}

Result<std::optional<std::size_t>> EventStreamParser::next_length(std::string_view bytes) const {
  if (bytes.size() < kPreludeBytes) return std::optional<std::size_t>();
  // The lengths are looked at only where their checksum holds: a wrong one would wait for bytes that never come.
  if (crc32(bytes.substr(0, 8)) != big_endian(bytes.substr(8, 4)))
    return bad("begins with a wrong checksum");
  const auto length = big_endian(bytes.substr(0, 4));
  if (length > message_bytes_max_) return bad("is larger than its bound");
  if (length < kLeastBytes) return bad("is shorter than a message can be");
  if (bytes.size() < length) return std::optional<std::size_t>();
  return std::optional<std::size_t>(length);
}

Result<EventMessage> parse_event_message(std::string_view bytes) {
  if (bytes.size() < kLeastBytes || big_endian(bytes.substr(0, 4)) != bytes.size())
    return bad("has a length that does not fit");
  const auto headers = big_endian(bytes.substr(4, 4));
  if (crc32(bytes.substr(0, 8)) != big_endian(bytes.substr(8, 4)))
    return bad("begins with a wrong checksum");
  if (headers > bytes.size() - kLeastBytes) return bad("has headers that do not end");
  const auto whole = bytes.size() - kCrcBytes;
  if (crc32(bytes.substr(0, whole)) != big_endian(bytes.substr(whole)))
    return bad("ends with a wrong checksum");
  EventMessage out;
  WEIR_CHECK(HeaderReader(bytes.substr(kPreludeBytes, headers)).read(out));
  out.payload = bytes.substr(kPreludeBytes + headers, whole - kPreludeBytes - headers);
  return out;
}

}  // namespace weir::http
