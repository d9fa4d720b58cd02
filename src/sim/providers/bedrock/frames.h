#pragma once
// Messages of an event stream, written with checksums of its own.
// Doc: https://smithy.io/2.0/aws/amazon-eventstream.html (checked 2026-11-27)
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::sim::bedrock {

/// CRC-32, as of zlib.
std::uint32_t checksum(std::string_view bytes);

/// An event of that type with JSON in it.
std::string event_frame(std::string_view type, std::string_view json);

}  // namespace weir::sim::bedrock
