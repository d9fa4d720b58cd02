#include "sim/providers/bedrock/upload.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "sim/providers/bedrock/frames.h"
#include "sim/providers/bedrock/sha256.h"

namespace weir::sim::bedrock {
namespace {

constexpr std::string_view kEnd = "\r\n", kCrc32 = "x-amz-checksum-crc32",
                           kSha256 = "x-amz-checksum-sha256";

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out.push_back(kLetters[bits >> (count - 6) & 63]);
  }
  if (count > 0) out.push_back(kLetters[bits << (6 - count) & 63]);
  while (out.size() % 4 != 0) out.push_back('=');
  return out;
}

std::string crc32_of(std::string_view bytes) {
  const auto sum = checksum(bytes);
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(sum >> shift & 255));
  return base64(out);
}

std::string_view take_line(std::string_view& rest) {
  const auto line = rest.substr(0, rest.find(kEnd));
  rest.remove_prefix(std::min(rest.size(), line.size() + kEnd.size()));
  return line;
}

// "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"; the lines behind the last chunk become headers.
Checked<std::string> joined(http::Request& request) {
  const std::string body = std::move(request.body);
  std::string_view rest = body;
  std::string out;
  while (true) {
    const std::string line(take_line(rest));
    std::size_t length = 0;
    const auto* const end = line.data() + line.size();
    const auto [stop, code] = std::from_chars(line.data(), end, length, 16);
    if (code != std::errc() || stop != end || length > rest.size())
      return refuse("The request body terminated unexpectedly", "IncompleteBody");
    if (length == 0) break;
    out += rest.substr(0, length);
    rest.remove_prefix(length);
    if (!take_line(rest).empty())
      return refuse("The request body terminated unexpectedly", "IncompleteBody");
  }
  for (auto line = take_line(rest); !line.empty(); line = take_line(rest))
    if (const auto colon = line.find(':'); colon != std::string_view::npos)
      request.headers.set(std::string(line.substr(0, colon)), std::string(line.substr(colon + 1)));
  if (const auto told = request.headers.find("x-amz-decoded-content-length");
      told != std::to_string(out.size()))
    return refuse("The request body terminated unexpectedly", "IncompleteBody");
  return out;
}

}  // namespace

Checked<Upload> read_upload(http::Request& request) {
  const auto payload = request.headers.find("x-amz-content-sha256").value_or("");
  Upload out;
  if (payload == kChunksUnsigned) {
    auto bytes = joined(request);
    if (!bytes) return std::unexpected(std::move(bytes).error());
    out.bytes = *std::move(bytes);
  } else if (payload.starts_with("STREAMING-")) {
    return refuse("A header you provided implies functionality that is not implemented",
                  "NotImplemented", 501);
  } else {
    out.bytes = std::move(request.body);
  }
  const auto check = [&](std::string_view name, auto computed) -> Checked<void> {
    const auto told = request.headers.find(name);
    if (told && *told != computed(out.bytes))
      return refuse("The " + std::string(name.substr(name.rfind('-') + 1)) +
                        " you specified did not match the calculated checksum.",
                    "BadDigest");
    return {};
  };
  if (auto done = check(kCrc32, crc32_of); !done) return std::unexpected(std::move(done).error());
  if (auto done = check(kSha256, [](std::string_view b) { return base64(sha256(b)); }); !done)
    return std::unexpected(std::move(done).error());
  out.crc32 = request.headers.find(kCrc32).value_or("");
  return out;
}

}  // namespace weir::sim::bedrock
