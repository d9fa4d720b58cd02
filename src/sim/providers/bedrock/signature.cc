#include "sim/providers/bedrock/signature.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "http/url.h"
#include "sim/providers/bedrock/sha256.h"

namespace weir::sim::bedrock {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256 ";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
constexpr std::string_view kChunks = "STREAMING-";  // not hashed as a whole: objects look into them

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  while (true) {
    const auto end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

// "Credential=…, SignedHeaders=…, Signature=…"
std::optional<std::string_view> part_of(std::string_view authorization, std::string_view name) {
  if (!authorization.starts_with(kAlgorithm)) return std::nullopt;
  for (auto part : split(authorization.substr(kAlgorithm.size()), ',')) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.starts_with(name) && part.size() > name.size() && part[name.size()] == '=')
      return part.substr(name.size() + 1);
  }
  return std::nullopt;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string squeezed(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\t') c = ' ';
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(c);
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

// S3 signs the path as it is sent; all others without its dots and empty segments, and encoded a second time.
std::string path_signed(const http::Request& request, bool storage) {
  const std::string_view path = http::path_of(request.target);
  if (storage) return std::string(path);
  std::vector<std::string_view> kept;
  const auto segments = split(path, '/');
  for (const auto segment : segments) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") kept.push_back(segment);
    else if (!kept.empty()) kept.pop_back();
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(http::percent_encode(segment));
  return out.empty() || segments.back().empty() ? out + "/" : out;
}

std::string query_signed(const http::Request& request) {
  const std::string_view target = request.target;
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return "";
  std::multiset<std::pair<std::string, std::string>> sorted;  // by name, and by value among its own
  for (const auto pair : split(target.substr(mark + 1), '&')) {
    const auto equals = pair.find('=');
    const auto value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    sorted.emplace(http::percent_encode(http::percent_decode(pair.substr(0, equals))),
                   http::percent_encode(http::percent_decode(value)));
  }
  std::string out;
  for (const auto& [name, value] : sorted) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

// yyyymmddThhmmssZ -> RFC 3339
std::optional<Time> read_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const std::string t(text);
  return parse_rfc3339(t.substr(0, 4) + "-" + t.substr(4, 2) + "-" + t.substr(6, 2) + "T" +
                       t.substr(9, 2) + ":" + t.substr(11, 2) + ":" + t.substr(13, 2) + "Z");
}

class Check {
 public:
  Check(const http::Request& request, std::string_view service, std::string_view secret)
      : request_(request), service_(service), secret_(secret), storage_(service == "s3") {}

  [[nodiscard]] std::optional<std::string> expected() const {
    const auto header = request_.headers.find("authorization").value_or("");
    const auto credential = part_of(header, "Credential"), names = part_of(header, "SignedHeaders");
    const auto payload = check_payload();
    if (!credential || !names || !payload) return std::nullopt;
    const auto scope = split(*credential, '/');
    if (scope.size() != 5) return std::nullopt;
    return sign(*names, *payload, scope, request_.headers.find("x-amz-date").value_or(""));
  }

  Checked<void> run(Time now) {
    const auto header = request_.headers.find("authorization").value_or("");
    const auto credential = part_of(header, "Credential"), names = part_of(header, "SignedHeaders"),
               signature = part_of(header, "Signature");
    if (!credential || !names || !signature)
      return wrong("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature'.");
    const auto scope = split(*credential, '/');
    const auto time = request_.headers.find("x-amz-date").value_or("");
    const auto at = read_time(time);
    if (scope.size() != 5 || scope[4] != "aws4_request" || !at || scope[1] != time.substr(0, 8))
      return wrong("Credential should be scoped to a valid day and end with 'aws4_request'.");
    if (scope[3] != service_)
      return wrong("Credential should be scoped to correct service: '" + std::string(service_) +
                   "'.");
    if (const auto region = region_of_host(); !region.empty() && region != scope[2])
      return wrong("Credential should be scoped to a valid region.");
    if (*at > now + kSkewMax || now > *at + kSkewMax)
      return wrong("Signature expired: " + std::string(time) + " is too far from now.");
    if (auto covers = check_names(*names); !covers) return covers;
    if (const auto payload = check_payload(); !payload) return std::unexpected(payload.error());
    if (expected() != *signature)
      return wrong(
          "The request signature we calculated does not match the signature you provided. Check "
          "your AWS Secret Access Key and signing method.");
    return {};
  }

 private:
  [[nodiscard]] std::unexpected<ApiError> wrong(std::string message) const {
    return refuse(std::move(message),
                  storage_ ? "SignatureDoesNotMatch" : "InvalidSignatureException", 403);
  }

  // "bedrock-runtime.eu-west-1.amazonaws.com" -> "eu-west-1"; of other hosts nothing is known.
  [[nodiscard]] std::string_view region_of_host() const {
    const auto parts = split(request_.headers.find("host").value_or(""), '.');
    return parts.size() == 4 && parts[2] == "amazonaws" ? parts[1] : std::string_view();
  }

  // The host, and whatever of AWS's own headers there is, must be covered.
  [[nodiscard]] Checked<void> check_names(std::string_view names) const {
    const auto covered = split(names, ';');
    if (!std::ranges::is_sorted(covered)) return wrong("SignedHeaders are not in order.");
    const auto has = [&](std::string_view name) {
      return std::ranges::find(covered, name) != covered.end();
    };
    if (!has("host")) return wrong("'Host' must be a signed header.");
    for (const auto& [name, value] : request_.headers)
      if (lower(name).starts_with("x-amz-") && !has(lower(name)))
        return wrong("There were headers present in the request which were not signed: " + name);
    return {};
  }

  [[nodiscard]] Checked<std::string> check_payload() const {
    const auto told = request_.headers.find("x-amz-content-sha256");
    if (storage_ && !told)
      return refuse("Missing required header for this request: x-amz-content-sha256",
                    "InvalidRequest");
    if (storage_ && (*told == kUnsigned || told->starts_with(kChunks))) return std::string(*told);
    auto hash = hex(sha256(request_.body));
    if (told && *told != hash)
      return refuse("The provided 'x-amz-content-sha256' header does not match what was computed.",
                    "XAmzContentSHA256Mismatch");
    return hash;
  }

  // Headers of one name are one list.
  [[nodiscard]] std::string value_of(std::string_view wanted) const {
    std::string out;
    bool first = true;
    for (const auto& [name, value] : request_.headers) {
      if (lower(name) != wanted) continue;
      if (!std::exchange(first, false)) out += ',';
      out += squeezed(value);
    }
    return out;
  }

  [[nodiscard]] std::string sign(std::string_view names, std::string_view payload,
                                 const std::vector<std::string_view>& scope,
                                 std::string_view time) const {
    std::string text(http::to_string(request_.method));
    text += "\n" + path_signed(request_, storage_) + "\n" + query_signed(request_) + "\n";
    for (const auto name : split(names, ';'))
      text.append(name).append(":").append(value_of(name)).append("\n");
    text += "\n" + std::string(names) + "\n" + std::string(payload);
    const std::string where = std::string(scope[1]) + "/" + std::string(scope[2]) + "/" +
                              std::string(scope[3]) + "/" + std::string(scope[4]);
    std::string key = "AWS4" + std::string(secret_);
    for (std::size_t i = 1; i < scope.size(); ++i) key = hmac_sha256(key, scope[i]);
    return hex(hmac_sha256(
        key, "AWS4-HMAC-SHA256\n" + std::string(time) + "\n" + where + "\n" + hex(sha256(text))));
  }

  const http::Request& request_;
  std::string_view service_, secret_;
  bool storage_;
};

}  // namespace

std::string secret_of(std::string_view key_id) { return "secret-of-" + std::string(key_id); }

std::optional<std::string_view> key_id_of(std::string_view authorization) {
  const auto credential = part_of(authorization, "Credential");
  if (!credential) return std::nullopt;
  return credential->substr(0, credential->find('/'));
}

std::optional<std::string> signature_of(const http::Request& request, std::string_view service,
                                        std::string_view secret) {
  return Check(request, service, secret).expected();
}

Checked<void> check_signature(const http::Request& request, std::string_view service,
                              std::string_view secret, Time now) {
  return Check(request, service, secret).run(now);
}

}  // namespace weir::sim::bedrock
