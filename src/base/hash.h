#pragma once
// Fast non-cryptographic hashes (XXH3): change detection, duplicate search. Never for secrets.
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);
/// 32 hex digits of the 128-bit hash: names a content.
std::string content_digest(std::string_view bytes);
/// CRC-32C of the bytes (Castagnoli): frames of files.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);
}  // namespace weir
