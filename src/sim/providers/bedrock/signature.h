#pragma once
// Whether a request is signed right (Signature Version 4), by code of its own.
// Doc: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (checked 2026-11-27)
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "http/message.h"
#include "sim/providers/bedrock/wire.h"

namespace weir::sim::bedrock {

/// The secret of an access key id: any id is an account, and its secret follows from it.
std::string secret_of(std::string_view key_id);

/// "Credential=ID/…": the access key id of a signed request; nothing where it is none.
std::optional<std::string_view> key_id_of(std::string_view authorization);

/// The signature that the request should have, by the scope and the headers that it says to be signed; nothing where it does not say.
/// @param service "bedrock" or "s3"
std::optional<std::string> signature_of(const http::Request& request, std::string_view service,
                                        std::string_view secret);

/// @error 403: the signature, its scope, its time or what it covers is wrong; 400 the body is another than it says.
/// Times may differ by kSkewMax: of virtual time, five minutes pass in half a second.
Checked<void> check_signature(const http::Request& request, std::string_view service,
                              std::string_view secret, Time now);
inline constexpr std::chrono::hours kSkewMax{6};

}  // namespace weir::sim::bedrock
