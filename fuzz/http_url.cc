// URLs, any bytes: what is accepted is safe to put into a request line and a Host header, and is
// read back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/url.h"

namespace {
using namespace weir;

void must(bool held) {
  if (!held) std::abort();
}

void check(const http::Url& url) {
  must(!url.origin.host.empty());
  must(url.origin.port != 0);
  must(url.target.starts_with('/'));
  for (const char c : url.origin.host + url.target)
    must(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F);
  must(url.origin.host.find_first_of("/@?#[]") == std::string::npos);
  must(url.target.find('#') == std::string::npos);
  const auto again = http::parse_url(url.origin.text() + url.target);
  must(again.has_value());
  must(again->origin == url.origin);
  must(again->target == url.target);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = http::parse_url(text)) {
    check(*url);
    must(http::join_path(http::path_of(url->target), "/v1").ends_with("/v1"));
  }
  must(http::percent_decode(http::percent_encode(text)) == text);
  (void)http::percent_decode(text);
  (void)http::query_value(text, "limit");
  const auto found = http::query_value("/p?a=1&k=" + http::percent_encode(text), "k");
  must(found.has_value() && *found == text);
  return 0;
}
