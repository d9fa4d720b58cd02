#pragma once
// SHA-256 and HMAC, written out: the witness of signatures shares no code with what makes them.
// Docs: FIPS 180-4, RFC 2104 (checked 2026-11-27)
#include <string>
#include <string_view>

namespace weir::sim::bedrock {

/// 32 bytes.
std::string sha256(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);
std::string hex(std::string_view bytes);

}  // namespace weir::sim::bedrock
