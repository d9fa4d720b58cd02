#pragma once
// For the tests of this provider: credentials, requests, and frames of an event stream.
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::bedrock {

const provider::Adapter& adapter();

inline const Time kNow = parse_rfc3339("2026-11-23T12:00:00Z").value();

inline provider::Credentials aws_credentials() {
  provider::Credentials out{.base_path = "", .key = "AKIDEXAMPLE"};
  out.origin = {.host = "bedrock-runtime.us-east-1.amazonaws.com"};
  out.settings.set("region", "us-east-1");
  out.settings.set("awsAccessKeyId", "AKIDEXAMPLE", true);
  out.settings.set("awsAccessSecretKey", "hush-secret", true);
  out.settings.set("awsSessionToken", "hush-token", true);
  out.settings.set("bucket", "s3://jobs/some where");
  out.settings.set("role", "arn:aws:iam::1:role/batch");
  return out;
}

inline llm::Block text(std::string words, std::optional<llm::CacheMark> mark = {}) {
  return {.text = std::move(words), .mark = mark};
}

inline llm::Request hello() {
  llm::Request out;
  out.model = "anthropic.claude-haiku-4-5-20251001-v1:0";
  out.system = {text("Be short.")};
  out.messages = {{llm::Role::kUser, {text("Hello")}}};
  out.output_max = Tokens{64};
  return out;
}

inline std::string frame(std::string_view kind, std::string_view type, std::string_view json) {
  const auto checksum = [](std::string_view bytes) {
    std::uint32_t crc = ~std::uint32_t{0};
    for (const char c : bytes) {
      crc ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320U : crc >> 1;
    }
    return ~crc;
  };
  const auto number = [](std::string& out, std::size_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(value >> shift & 0xFF));
  };
  std::string headers;
  const auto header = [&](std::string_view name, std::string_view value) {
    number(headers, name.size(), 1);
    headers += name;
    number(headers, 7, 1);
    number(headers, value.size(), 2);
    headers += value;
  };
  header(kind == "event" ? ":event-type" : ":exception-type", type);
  header(":message-type", kind);
  std::string out;
  number(out, 16 + headers.size() + json.size(), 4);
  number(out, headers.size(), 4);
  number(out, checksum(out), 4);
  out += headers;
  out += json;
  number(out, checksum(out), 4);
  return out;
}
inline std::string event(std::string_view type, std::string_view json) {
  return frame("event", type, json);
}

}  // namespace weir::providers::bedrock
