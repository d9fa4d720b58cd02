#pragma once
// What a PUT of S3 brings: the bytes, out of their chunks where it comes in chunks, held against the checksum that comes along.
// Docs (checked 2026-11-27): https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
#include <string>
#include <string_view>

#include "http/message.h"
#include "sim/providers/bedrock/wire.h"

namespace weir::sim::bedrock {

/// x-amz-content-sha256 of a body in chunks that are not signed, with the checksum at their end.
inline constexpr std::string_view kChunksUnsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

struct Upload {
  std::string bytes;
  std::string crc32;  // base64, as it was told; else empty
};

/// Takes the body.
/// @error 400: the chunks cannot be read, or are another length than they say; a checksum that is another (BadDigest).
/// 501: chunks that are signed one by one. Checksums of other algorithms than CRC32 and SHA256 are not compared.
Checked<Upload> read_upload(http::Request& request);

}  // namespace weir::sim::bedrock
