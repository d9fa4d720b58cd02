#include "http/url.h"

#include <fmt/format.h>

#include <boost/url.hpp>
#include <charconv>

namespace weir::http {

std::string Origin::authority() const {
  const bool default_port = port == (tls ? 443 : 80);
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string out = ipv6 ? "[" + host + "]" : host;
  return default_port ? out : fmt::format("{}:{}", out, port);
}

std::string Origin::text() const { return (tls ? "https://" : "http://") + authority(); }

Result<Url> parse_url(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    // What may be a key never reaches an error: of a URL with a user, only what stands behind it is shown.
    const auto at = text.rfind('@');
    const auto shown = at == std::string_view::npos ? text : text.substr(at);
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("'{}' is not a usable URL: {}", shown.substr(0, 200), why),
                "write it like https://api.example.com/v1");
  };
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return bad("it has no scheme and host, or characters that must be escaped");
  const auto& url = *parsed;
  const bool tls = url.scheme_id() == boost::urls::scheme::https;
  if (!tls && url.scheme_id() != boost::urls::scheme::http) return bad("only http and https work");
  if (url.has_userinfo()) return bad("keys do not belong in a URL");
  if (url.has_fragment()) return bad("it has a #fragment");
  if (url.host().empty()) return bad("it has no host");
  Url out;
  out.origin.tls = tls;
  for (const char c : url.host_address())
    out.origin.host.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  // The host is decoded here: an escaped line end or slash must not reach a Host header.
  const bool ipv6 = url.host_type() == boost::urls::host_type::ipv6;
  for (const char c : out.origin.host) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (!plain && !(ipv6 && c == ':')) return bad("its host has characters that no host name has");
  }
  out.origin.port = tls ? 443 : 80;
  if (url.has_port() && !url.port().empty()) {
    // Boost.URL 1.81 lets a port wrap around, and takes what follows its digits for the path.
    const std::string_view digits(url.port().data(), url.port().size());
    const auto [end, code] =
        std::from_chars(digits.data(), digits.data() + digits.size(), out.origin.port);
    if (code != std::errc() || end != digits.data() + digits.size() || out.origin.port == 0)
      return bad("its port is not a number from 1 to 65535");
  }
  if (!url.encoded_path().empty() && !url.encoded_path().starts_with('/'))
    return bad("its port is not a number from 1 to 65535");
  out.target = std::string(url.encoded_target());
  if (out.target.empty() || out.target[0] != '/') out.target.insert(0, "/");
  return out;
}

std::string join_path(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  while (path.starts_with('/')) path.remove_prefix(1);
  return fmt::format("{}/{}", base, path);
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) out.push_back(c);
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  const auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && nibble(text[i + 1]) >= 0 &&
        nibble(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(nibble(text[i + 1]) * 16 + nibble(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::optional<std::string> query_value(std::string_view target, std::string_view name) {
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals)) != name) continue;
    return equals == std::string_view::npos ? std::string()
                                            : percent_decode(pair.substr(equals + 1));
  }
  return std::nullopt;
}

}  // namespace weir::http
