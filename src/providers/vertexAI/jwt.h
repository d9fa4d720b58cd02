#pragma once
// A JSON Web Token signed with RS256. Pure. Docs: RFC 7515, RFC 7518 3.3 (checked 2026-11-27)
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::providers::vertexAI {

/// header.payload.signature, each base64url without padding.
/// @param header, payload JSON objects. @param key_pem PKCS #8, not encrypted
/// @error kUnauthenticated it is no RSA key in PEM; the message never holds a piece of it.
[[nodiscard]] Result<std::string> sign_jwt(std::string_view header, std::string_view payload,
                                           std::string_view key_pem);

}  // namespace weir::providers::vertexAI
