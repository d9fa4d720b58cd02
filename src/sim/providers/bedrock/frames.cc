#include "sim/providers/bedrock/frames.h"

namespace weir::sim::bedrock {

// Bit by bit: slow, and plainly right.
std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320U : crc >> 1;
  }
  return ~crc;
}

namespace {

void append_number(std::string& out, std::uint32_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xFF));
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  append_number(out, static_cast<std::uint32_t>(name.size()), 1);
  out += name;
  append_number(out, 7, 1);  // a text
  append_number(out, static_cast<std::uint32_t>(value.size()), 2);
  out += value;
}

std::string frame(std::string_view headers, std::string_view payload) {
  std::string out;
  append_number(out, static_cast<std::uint32_t>(16 + headers.size() + payload.size()), 4);
  append_number(out, static_cast<std::uint32_t>(headers.size()), 4);
  append_number(out, checksum(out), 4);
  out += headers;
  out += payload;
  append_number(out, checksum(out), 4);
  return out;
}

}  // namespace

std::string event_frame(std::string_view type, std::string_view json) {
  std::string headers;
  append_header(headers, ":event-type", type);
  append_header(headers, ":content-type", "application/json");
  append_header(headers, ":message-type", "event");
  return frame(headers, json);
}

}  // namespace weir::sim::bedrock
