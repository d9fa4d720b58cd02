#include "provider/aws_signature.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::provider {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kStorage = "s3";
constexpr std::string_view kAuthorization = "authorization";

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  WEIR_ASSERT(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1);
  return hex({reinterpret_cast<const char*>(digest.data()), length});
}

std::string hmac(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  WEIR_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                   digest.data(), &length) != nullptr);
  return {reinterpret_cast<const char*>(digest.data()), length};
}

// 20150830T123600Z
std::string basic_time(Time now) {
  std::string out;
  for (const char c : to_rfc3339(std::chrono::floor<std::chrono::seconds>(now)))
    if (c != '-' && c != ':') out.push_back(c);
  return out;
}

// The path of all services but S3: without "." and ".." and empty segments (RFC 3986, 6.2.2.3), and encoded once more.
std::string normal_path(std::string_view path) {
  std::vector<std::string_view> segments;
  const bool folder = path.ends_with('/');
  while (!path.empty()) {
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
    if (segment == ".." && !segments.empty()) segments.pop_back();
    else if (!segment.empty() && segment != "." && segment != "..") segments.push_back(segment);
  }
  std::string out;
  for (const auto segment : segments) out.append("/").append(http::percent_encode(segment));
  if (out.empty() || folder) out.push_back('/');
  return out;
}

// S3 has objects of any name, dots and empty ones included.
std::string canonical_path(std::string_view target, bool storage) {
  const auto path = http::path_of(target);
  return storage ? std::string(path) : normal_path(path);
}

// Names and values are percent-encoded already; a name alone gets its "=".
std::string canonical_query(std::string_view target) {
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return {};
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    pairs.emplace_back(pair.substr(0, equals),
                       equals == std::string_view::npos ? "" : pair.substr(equals + 1));
  }
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs)
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  return out;
}

// Without blanks at the ends, and one space where several stand.
std::string trimmed(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\t') c = ' ';
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

struct CanonicalHeaders {
  std::string lines, names;
};
// Headers of one name are one list, in the order in which they stand. A signature of before does not sign itself.
CanonicalHeaders canonical_headers(const http::Headers& headers, const http::Origin& origin) {
  std::map<std::string, std::string> sorted{{"host", origin.authority()}};
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (lower == kAuthorization) continue;
    const auto [at, added] = sorted.try_emplace(std::move(lower), trimmed(value));
    if (!added) at->second.append(",").append(trimmed(value));
  }
  CanonicalHeaders out;
  for (const auto& [name, value] : sorted) {
    out.lines += fmt::format("{}:{}\n", name, value);
    out.names += fmt::format("{}{}", out.names.empty() ? "" : ";", name);
  }
  return out;
}

std::string payload_hash(const http::RequestPlan& plan, bool storage) {
  std::string whole;
  for (const auto& piece : plan.body) {
    const auto* text = std::get_if<std::string>(&piece);
    if (text == nullptr) {
      WEIR_ASSERT(storage);
      return "UNSIGNED-PAYLOAD";
    }
    whole += *text;
  }
  return sha256_hex(whole);
}

std::string canonical_of(const http::RequestPlan& plan, const CanonicalHeaders& headers,
                         bool storage, std::string_view payload) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", http::to_string(plan.method),
                     canonical_path(plan.target, storage), canonical_query(plan.target),
                     headers.lines, headers.names, payload);
}

}  // namespace

std::string canonical_request(const http::RequestPlan& plan, const http::Origin& origin,
                              std::string_view service) {
  const bool storage = service == kStorage;
  return canonical_of(plan, canonical_headers(plan.headers, origin), storage,
                      payload_hash(plan, storage));
}

void sign(http::RequestPlan& plan, const http::Origin& origin, const AwsKey& key,
          const AwsScope& scope, Time now) {
  const bool storage = scope.service == kStorage;
  const auto time = basic_time(now);
  const auto payload = payload_hash(plan, storage);
  plan.headers.set("x-amz-date", time);
  if (!key.session_token.empty())
    plan.headers.set("x-amz-security-token", std::string(key.session_token));
  if (storage) plan.headers.set("x-amz-content-sha256", payload);
  const auto headers = canonical_headers(plan.headers, origin);
  const auto request = canonical_of(plan, headers, storage, payload);
  const auto day = time.substr(0, 8);
  const auto where = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const auto text = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, where, sha256_hex(request));
  std::string signing = fmt::format("AWS4{}", key.secret);
  for (const std::string_view part :
       {std::string_view(day), scope.region, scope.service, std::string_view("aws4_request")})
    signing = hmac(signing, part);
  plan.headers.set(std::string(kAuthorization),
                   fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                               key.id, where, headers.names, hex(hmac(signing, text))));
}

}  // namespace weir::provider
